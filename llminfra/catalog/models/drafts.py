"""What guesses tokens for a model: heads such as EAGLE's that are no model of their own, and small models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Literal, cast

from msgspec import Struct

from llminfra.catalog.datafile import read_data
from llminfra.catalog.models.config_reader import ModelConfigError
from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.lookup import load_model, suggest

DraftKind = Literal["eagle", "eagle3", "dflash", "medusa", "draft_model"]

EAGLE3_STATES = 3
"""Layers of the target whose states EAGLE-3 takes where its config names none (llama_eagle3.py of vLLM 0.24.0)."""
MEDUSA_HEADS = 5
"""``num_heads`` of vllm/transformers_utils/configs/medusa.py where a config leaves it out."""
_BASE = {"qwen3": "Qwen3ForCausalLM"}
_KINDS: Mapping[str, DraftKind] = {"eagle": "eagle", "eagle3": "eagle3", "peagle": "eagle3", "dflash": "dflash"}


class DraftFacts(Struct, frozen=True, kw_only=True):
    """Shapes of a draft.

    Attributes:
        model_id: Hugging Face id, or the name that the caller gave to a config.
        kind: How it guesses.
        layers: Its decoder's layers and sizes; the embedding and the head among them are those of the target unless
            ``kind`` is ``draft_model``. Without layers for Medusa.
        states: Vectors that are joined before its first layer: states of the target, for EAGLE one and the embedding.
        target_hidden: Width of the target's states.
        vocabulary: Rows of a head of its own, 0 where it takes the target's.
        heads: Heads of Medusa.
        blocks: Residual layers of each of them.
        tokens: Tokens that it guesses where nothing else is asked, 0 where its config does not say.
        source: Where the shapes were read.
    """

    model_id: str
    kind: DraftKind
    layers: ModelFacts
    states: int = 0
    target_hidden: int = 0
    vocabulary: int = 0
    heads: int = 0
    blocks: int = 0
    tokens: int = 0
    source: str | None = None


def known_drafts() -> tuple[str, ...]:
    """Every draft that is no model of its own, sorted."""
    return tuple(sorted(read_data("drafts.json")["drafts"]))


def load_draft(model_id: str) -> DraftFacts | None:
    """Shapes of a draft of the catalog, or of a model of it; None when it is neither. Case does not matter."""
    listed = {name.lower(): name for name in known_drafts()}
    if (name := listed.get(model_id.lower())) is not None:
        return _load(name)
    facts = load_model(model_id)
    return None if facts is None else _model(facts)


def suggest_drafts(model_id: str, *, limit: int = 3) -> list[str]:
    """Ids that look like ``model_id``, drafts before models."""
    listed = {name.lower(): name for name in known_drafts()}
    close = [listed[name] for name in get_close_matches(model_id.lower(), listed, n=limit, cutoff=0.6)]
    return [*close, *suggest(model_id, limit=limit)][:limit]


def draft_from_hf_config(config: Mapping[str, Any], *, model_id: str, method: str | None = None) -> DraftFacts:
    """Shapes that a draft's ``config.json`` states, in its own form or in that of speculators.

    Args:
        config: The parsed file.
        model_id: Its name.
        method: How it guesses, where that is stated beside it.

    Raises:
        ModelConfigError: It states no usable shape.
    """
    inner = config.get("transformer_layer_config")
    if isinstance(inner, Mapping):
        config = {**inner, **{key: value for key, value in config.items() if key != "transformer_layer_config"}}
    kind = _kind(config, model_id, method)
    if kind == "medusa":
        return _medusa(config, model_id)
    if kind == "draft_model":
        return _model(ModelFacts.from_hf_config(config, model_id=model_id))
    plain = str(config.get("model_type") or "llama").lower()
    plain = plain if plain in _BASE else "llama"
    base = {**config, "model_type": plain, "architectures": [_BASE.get(plain, "LlamaForCausalLM")]}
    layers = ModelFacts.from_hf_config(base, model_id=model_id)
    own = _number(config, "draft_vocab_size") if kind in {"eagle3", "dflash"} else 0
    if kind == "dflash" and own == layers.vocab_size:
        own = 0  # its head is the target's then
    return DraftFacts(
        model_id=model_id,
        kind=kind,
        layers=layers,
        states=_states(config, kind, layers),
        target_hidden=_number(config, "target_hidden_size") or layers.hidden_size,
        vocabulary=own or (layers.vocab_size if kind == "eagle3" else 0),
        tokens=_tokens(config, kind),
    )


def _kind(config: Mapping[str, Any], model_id: str, method: str | None) -> DraftKind:
    """As ``SpeculativeConfig`` of vllm/config/speculative.py 0.27.1 finds it: what is said, classes, then the name."""
    if method in {"eagle", "eagle3", "dflash", "medusa", "draft_model"}:
        return cast("DraftKind", method)
    stated = str(config.get("speculators_model_type") or "").lower()
    if stated in _KINDS:
        return _KINDS[stated]
    classes = " ".join(str(item) for item in config.get("architectures") or ()).lower()
    if "medusa" in classes or config.get("model_type") == "medusa":
        return "medusa"
    if "dflash" in classes or "dflash_config" in config:
        return "dflash"
    name = model_id.lower()
    if "eagle3" in classes or "draft_vocab_size" in config or re.search(r"eagle-?3", name):
        return "eagle3"
    return "eagle" if "eagle" in classes or config.get("model_type") == "eagle" or "eagle-" in name else "draft_model"


def _tokens(config: Mapping[str, Any], kind: DraftKind) -> int:
    """What speculators state for their first way to propose; a block of DFlash has one token that is known."""
    ways: list[Any] = (config.get("speculators_config") or {}).get("proposal_methods") or []
    stated = _number(ways[0], "speculative_tokens") if ways and isinstance(ways[0], Mapping) else 0
    return stated or (max(0, _number(config, "block_size") - 1) if kind == "dflash" else 0)


def _states(config: Mapping[str, Any], kind: DraftKind, layers: ModelFacts) -> int:
    if kind == "eagle":
        return 2
    if kind == "eagle3":
        named = (config.get("eagle_config") or {}).get("eagle_aux_hidden_state_layer_ids") or config.get(
            "eagle_aux_hidden_state_layer_ids"
        )
        return _number(config, "num_aux_hidden_states") or len(named or ()) or EAGLE3_STATES
    named = (config.get("dflash_config") or {}).get("target_layer_ids") or config.get("aux_hidden_state_layer_ids")
    return len(named or ()) or layers.num_layers


def _medusa(config: Mapping[str, Any], model_id: str) -> DraftFacts:
    hidden, rows = _number(config, "hidden_size"), _number(config, "vocab_size")
    if not hidden or not rows:
        raise ModelConfigError(f"config.json of {model_id} states no `hidden_size` or no `vocab_size`")
    heads = next((int(value) for key, value in config.items() if "num" in key and "heads" in key), MEDUSA_HEADS)
    blocks = next((int(value) for key, value in config.items() if "num" in key and "layers" in key), 1)
    nothing = ModelFacts(
        model_id=model_id,
        architecture="MedusaModel",
        model_type="medusa",
        hidden_size=hidden,
        vocab_size=rows,
        layers=(),
    )
    own = _number(config, "truncated_vocab_size") or rows
    shared = bool(config.get("original_lm_head"))
    return DraftFacts(
        model_id=model_id,
        kind="medusa",
        layers=nothing,
        target_hidden=hidden,
        vocabulary=own * (1 if shared else heads),
        heads=heads,
        blocks=blocks,
        tokens=heads,
    )


def _model(facts: ModelFacts) -> DraftFacts:
    return DraftFacts(model_id=facts.model_id, kind="draft_model", layers=facts, source=facts.source)


def _number(config: Mapping[str, Any], key: str) -> int:
    value = config.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


@lru_cache(maxsize=64)
def _load(model_id: str) -> DraftFacts:
    from msgspec.structs import replace  # noqa: PLC0415  # needed for listed drafts alone

    entry = read_data("drafts.json")["drafts"][model_id]
    found = draft_from_hf_config(entry["config"], model_id=model_id, method=entry["method"])
    return replace(found, source=entry["source"])
