"""A start as a case of the memory model: which model and which GPU it is, and what the log leaves open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.models import known_models, load_model
from llminfra.planning.memory import FitResult
from llminfra.start_logs.record import StartLog

_HUB_CACHE = re.compile(r"models--([^/]+)--([^/]+)")
_OPEN = ("engine_version", "gpu", "tensor_parallel", "gpu_memory_utilization", "max_model_len", "max_num_seqs",
         "max_num_batched_tokens")  # fmt: skip
"""What decides the memory of a start."""
_NO_DEFAULT = frozenset({"engine_version", "gpu"})


class LoggedCase(Struct, frozen=True, kw_only=True):
    """What the memory model is asked.

    Attributes:
        case: Keys and values as a line of ``llminfra fit --jsonl``.
        named: The model as the log names it; empty where it does not.
        known: Whether the catalog or ``config`` describes the model.
    """

    case: dict[str, Any]
    named: str
    known: bool


def logged_case(log: StartLog, given: Mapping[str, Any]) -> LoggedCase:
    """The case of a start; what is ``given`` counts before what the log says."""
    stated = {key: item.value for key, item in log.inputs.items()}
    # A driver's name for a device that no table has would leave all of it open; its memory alone does not.
    if "gpu" in stated and find_gpu(str(stated["gpu"])) is None:
        del stated["gpu"]
    named = str(stated.get("model") or "")
    case = {"engine": log.engine, **stated, **given}
    if "model" not in given and (found := catalog_name(named)) is not None:
        case["model"] = found
    known = "config" in case or load_model(str(case.get("model") or "")) is not None
    return LoggedCase(case=case, named=named, known=known)


def catalog_name(text: str) -> str | None:
    """The catalog's id of a model that a log names: an id, a folder, or an entry of the Hub's cache; None: none of it.

    A folder is named as its model, or as owner and model; ModelScope writes ``___`` for a dot.
    """
    if not text:
        return None
    if (cached := _HUB_CACHE.search(text)) is not None:
        text = "/".join(cached.groups())
    parts = [part for part in text.replace("___", ".").split("/") if part not in ("", ".", "..")]
    for name in (text, "/".join(parts[-2:])):
        if (facts := load_model(name)) is not None:
            return facts.model_id
    last = parts[-1].lower() if parts else ""
    alike = [name for name in known_models() if name.rpartition("/")[2].lower() == last]
    return alike[0] if len(alike) == 1 else None


def assumed(log: StartLog, case: Mapping[str, Any], result: FitResult) -> tuple[str, ...]:
    """What decides the memory and nobody states, with what was taken instead.

    Where the arguments are printed, those that are not among them have the engine's defaults.
    """
    taken = {key: getattr(result, key, None) for key in _OPEN}
    left = [
        key
        for key in _OPEN
        if case.get(key) in (None, "")
        and not (key == "gpu" and case.get("total_gpu_gib"))
        and not (log.asked and key not in _NO_DEFAULT)
    ]
    return tuple(f"{key}={taken[key]}" if taken.get(key) is not None else key for key in left)
