"""What an engine's arguments change in a model's ``config.json``: how far its positions reach.

vLLM merges ``--hf-overrides`` into the configuration, whole or by a key after a dot (``--rope-scaling`` until 0.10);
SGLang ``--json-model-override-args``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from llminfra.catalog.models import ModelConfigError, ModelFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from llminfra.spec.engines.engine import Engine

_WHOLE = {"vllm": "--hf-overrides", "sglang": "--json-model-override-args"}
_ROPE_ALONE = {"vllm": "--rope-scaling"}
_REACH = frozenset({"rope_scaling", "rope_parameters", "max_position_embeddings", "original_max_position_embeddings"})
_OPT_OUT = {"vllm": "VLLM_ALLOW_LONG_MAX_MODEL_LEN", "sglang": "SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN"}


def stretched(facts: ModelFacts, config: Mapping[str, Any] | None, engine: Engine) -> ModelFacts:
    """Facts with the positions that the engine's arguments declare; those of the configuration where there are none."""
    declared = overrides(engine)
    if not declared or config is None:
        return facts
    try:
        found = ModelFacts.from_hf_config(_merged(config, declared), model_id=facts.model_id)
    except ModelConfigError:
        return facts
    return replace(facts, max_position_embeddings=found.max_position_embeddings, rope_tables=found.rope_tables)


def overrides(engine: Engine) -> dict[str, Any]:
    """Keys of the configuration that decide how far positions reach, as the arguments declare them."""
    whole, alone = _WHOLE.get(engine.kind), _ROPE_ALONE.get(engine.kind)
    found: dict[str, Any] = {}
    for flag, text in _values(getattr(engine, "extra_args", ())):
        name, *keys = flag.split(".")
        name = f"--{name.removeprefix('--').replace('_', '-')}"
        if name not in {whole, alone}:
            continue
        value = _parsed(text)
        for key in reversed(keys if name == whole else ["rope_scaling", *keys]):
            value = {key: value}
        if isinstance(value, dict):
            found = _merged(found, value)
    return _of_positions(found)


def switches_check_off(engine: Engine) -> str:
    """The variable by which the engine takes a longer context with a mere warning; empty where it is not set."""
    name = _OPT_OUT.get(engine.kind, "")
    return name if engine.env.get(name, "").strip().lower() in {"1", "true", "yes"} else ""


def ways_to_stretch(kind: str) -> str:
    """How a longer context is declared, for a finding."""
    own = "name a config.json that has it with Model(config=…)"
    if kind not in _WHOLE:
        return own
    # Transformers 5, which current images have, replaces the whole entry: without its theta the model's own is lost.
    key, theta = ("rope_parameters", '"rope_theta": …, ') if kind == "vllm" else ("rope_scaling", "")
    text = f'{{"{key}": {{"rope_type": "yarn", {theta}"factor": …, "original_max_position_embeddings": …}}}}'
    return f"pass extra_args=['{_WHOLE[kind]}', '{text}'], or {own} ({_OPT_OUT[kind]}=1 silences the check alone)"


def _values(arguments: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Flags and their values, whichever way they are written."""
    flag = ""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if argument.startswith("--"):
            flag = name if not equals else ""
            if equals:
                yield name, value
        elif flag:
            yield flag, argument
            flag = ""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _of_positions(value: dict[str, Any]) -> dict[str, Any]:
    own = {key: item for key, item in value.items() if key in _REACH}
    nested = value.get("text_config")
    inner = _of_positions(nested) if isinstance(nested, dict) else {}
    return {**own, **({"text_config": inner} if inner else {})}


def _merged(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``config`` with ``changes``, key by key."""
    result = dict(config)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result
