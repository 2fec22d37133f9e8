"""Finding a model in the packaged catalog; one family file is parsed per look-up."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from llminfra.catalog.datafile import read_data
from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.revisions import model_revision

# Spelt so much alike that a slip is likelier than another model: one letter in twenty.
_SLIP = 0.95


def known_models() -> tuple[str, ...]:
    """Every model id of the catalog, sorted."""
    return tuple(sorted(read_data("models/index.json")["models"]))


def load_model(model_id: str) -> ModelFacts | None:
    """Facts of a catalog model; None when the catalog lacks it. Case does not matter."""
    index = read_data("models/index.json")["models"]
    if model_id not in index:
        lowered = model_id.lower()
        found = next((name for name in index if name.lower() == lowered), None)
        if found is None:
            return None
        model_id = found
    return _load(model_id)


def suggest(model_id: str, *, limit: int = 5) -> list[str]:
    """Catalog ids that look like ``model_id``, best first.

    A slip of a letter or two comes first, then the ids that complete what was typed, then those that it completes
    (``-AWQ`` of a model whose base is known), of the organisation that was typed before others, then whatever is spelt
    nearly so.
    """
    return list(_suggest(model_id, limit))


@lru_cache(maxsize=256)  # a catalog of a thousand names is compared letter by letter
def _suggest(model_id: str, limit: int) -> tuple[str, ...]:
    by_lower = {name.lower(): name for name in known_models()}
    wanted = model_id.strip().lower()
    plain = _plain(wanted)
    names = {low: _plain(low) for low in by_lower}
    close = difflib.get_close_matches(wanted, by_lower, n=limit, cutoff=0.5)
    slips = [low for low in close if difflib.SequenceMatcher(None, wanted, low).ratio() >= _SLIP]
    longer = sorted((low for low, name in names.items() if plain and plain in name), key=lambda low: len(names[low]))
    shorter = sorted((low for low, name in names.items() if plain.startswith(name)), key=lambda low: -len(names[low]))
    owner = f"{wanted.rpartition('/')[0]}/"
    related = sorted([*longer, *shorter], key=lambda low: not low.startswith(owner))
    return tuple(by_lower[low] for low in dict.fromkeys([*slips, *related, *close]))[:limit]


def _plain(model_id: str) -> str:
    """The name without organisation, dashes and spaces: ``Llama 3.3`` is ``meta-llama/Llama-3.3``."""
    return re.sub(r"[^a-z0-9.]", "", model_id.rsplit("/", 1)[-1])


def catalog_config(model_id: str) -> dict[str, Any] | None:
    """The stored ``config.json`` keys of a catalog model, variants resolved; None when unknown."""
    index = read_data("models/index.json")["models"]
    return _entry(model_id)[0] if model_id in index else None


@lru_cache(maxsize=256)
def _load(model_id: str) -> ModelFacts:
    config, entry = _entry(model_id)
    facts = ModelFacts.from_hf_config(config, model_id=model_id)
    pinned = model_revision(model_id)
    return replace(
        facts,
        max_position_embeddings=_longest(facts, entry.get("max_seq_length")),
        safetensors=bool(entry.get("safetensors", True)),
        gated=entry.get("gated"),
        revision=entry.get("revision") or (pinned.commit if pinned else None),
        source=entry.get("source"),
        verified=bool(entry.get("verified", True)),
        # The entry's source was compared with what its class takes for keys that it leaves out.
        notes=(),
    )


def _longest(facts: ModelFacts, limit: int | None) -> int:
    """Tokens of the longest input: engines take that of ``sentence_bert_config.json`` where a repository has one.

    ``_get_and_verify_max_len``, vllm/config/model.py 0.27.1.
    """
    return min(facts.max_position_embeddings, limit) if limit else facts.max_position_embeddings


def _entry(model_id: str) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Config and metadata; a variant takes its base's config with its own changes."""
    family = read_data("models/index.json")["models"][model_id]
    entry: dict[str, Any] = read_data(f"models/{family}.json")["models"][model_id]
    base = entry.get("same_as")
    if base is None:
        return dict(entry["config"]), entry
    config, base_entry = _entry(base)
    config = _changed(config, entry.get("changes") or {})
    if "quantization_config" in entry:
        config["quantization_config"] = entry["quantization_config"]
    merged = {"source": base_entry.get("source"), "verified": base_entry.get("verified", True)} | entry
    return config, merged


def _changed(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``config`` with ``changes``; of an object such as ``text_config`` only the keys that are named."""
    inner = {
        key: dict(config[key]) | dict(value)
        for key, value in changes.items()
        if isinstance(value, Mapping) and isinstance(config.get(key), Mapping)
    }
    return {**config, **changes, **inner}
