"""What a given engine version does about memory: defaults and rules, read from ``data/engine_memory.json``."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

ASSUMED_VLLM = "0.11.0"
"""Version assumed when a case names none: its rules reserve the most memory, so the verdict errs to the safe side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineProfile:
    """Memory rules of one engine version; `data/engine_memory.json` says where each was read.

    Attributes:
        version: Release numbers, development builds rounded down.
        scheduler: ``v0`` or ``v1``.
        gpu_memory_utilization: Default share of the device.
        sampler: ``sort``, ``triton`` or ``flashinfer``: decides the sampler's peak.
        hybrid_manager: Window layers are grouped apart and freed.
        chunked_hybrid: The same for chunked local attention.
        max_num_seqs: Default number of sequences, 0 when it depends on the device.
        chunked_prefill: Prompts are cut to ``max_num_batched_tokens``.
        a100_small_batch: A100 gets the small batch defaults.
        large_batch_from_gib: Device size from which 16384 tokens are the default, 0 for never.
        context_in_non_torch: The CUDA context counts as non-torch memory, because the baseline is taken at zero.
        reserves_cuda_graphs: The budget includes an estimate for captured graphs.
        tokens_by_concurrency: Printed tokens are concurrency times context length.
        group_slack: See `kv_plan.plan_cache`.
        null_block: One block is held back before the admission check.
    """

    version: tuple[int, ...]
    scheduler: str = "v1"
    gpu_memory_utilization: float = 0.9
    sampler: str = "sort"
    hybrid_manager: bool = False
    chunked_hybrid: bool = False
    max_num_seqs: int = 0
    chunked_prefill: bool = True
    a100_small_batch: bool = False
    large_batch_from_gib: int = 0
    context_in_non_torch: bool = False
    reserves_cuda_graphs: bool = False
    tokens_by_concurrency: bool = False
    group_slack: float = 1.0
    null_block: bool = False


@cache
def engine_data() -> dict[str, Any]:
    """The parsed data file; callers must not change it."""
    text = files("llminfra.planning.memory").joinpath("data", "engine_memory.json").read_bytes()
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def parse_version(text: str | None) -> tuple[int, ...] | None:
    """Release numbers in an engine's version string; None for names of branches and pull requests."""
    if not text:
        return None
    match = re.match(r"\s*v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    if not match:
        return None
    numbers = tuple(int(part) for part in match.groups(default="0"))
    if numbers[:2] == (0, 1) and "dev" in text:
        return None
    return numbers


_DATED = re.compile(r"(20\d\d)-(\d\d)")
# First release of a month, for versions that only a date tells (PyPI upload dates).
_BY_DATE = (
    ((2023, 6), "0.1.0"), ((2023, 9), "0.2.0"), ((2024, 2), "0.3.0"), ((2024, 4), "0.4.0"), ((2024, 6), "0.5.0"),
    ((2024, 9), "0.6.0"), ((2024, 12), "0.6.4"), ((2025, 1), "0.6.6"), ((2025, 2), "0.7.2"), ((2025, 3), "0.8.0"),
    ((2025, 5), "0.8.5"), ((2025, 6), "0.9.0"), ((2025, 7), "0.9.2"), ((2025, 8), "0.10.0"), ((2025, 9), "0.10.2"),
    ((2025, 10), "0.11.0"), ((2025, 12), "0.12.0"), ((2026, 1), "0.14.0"), ((2026, 3), "0.17.0"),
)  # fmt: skip


def resolve_version(text: str | None) -> tuple[tuple[int, ...], bool]:
    """Release numbers and whether they were given rather than assumed."""
    numbers = parse_version(text)
    if numbers is not None:
        return numbers, True
    dated = _DATED.search(text or "")
    if dated:
        month = (int(dated.group(1)), int(dated.group(2)))
        release = next((name for start, name in reversed(_BY_DATE) if start <= month), _BY_DATE[0][1])
        return parse_version(release) or (0, 0, 0), True
    return parse_version(ASSUMED_VLLM) or (0, 0, 0), False


@cache
def vllm_profile(version: tuple[int, ...]) -> EngineProfile:
    """Rules in force at ``version``: every entry of the data file up to it, later ones winning."""
    values: dict[str, Any] = {}
    names = {item.name for item in fields(EngineProfile)} - {"version"}
    for entry in engine_data()["vllm"]:
        start = tuple(int(part) for part in entry["from"].split("."))
        if start <= version:
            values |= {key: value for key, value in entry.items() if key in names}
    if values.get("scheduler") == "v1":
        values.pop("max_num_seqs", None)
    return EngineProfile(version=version, **values)
