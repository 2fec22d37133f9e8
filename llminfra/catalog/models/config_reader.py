"""Reading keys of a ``config.json``: the value, else the default of the transformers config class."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from llminfra.catalog.datafile import read_data
from llminfra.diagnostics import UsageError

HIDDEN_KEYS = ("hidden_size", "n_embd", "d_model", "dim", "model_dim")
LAYER_KEYS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_transformer_layers")
_VOCABULARY_KEYS = ("vocab_size", "padded_vocab_size")
# Without one of each there is no model; other sizes may be zero, such as the width of a block that is not there.
_POSITIVE = frozenset({*HIDDEN_KEYS, *LAYER_KEYS, *_VOCABULARY_KEYS, "num_attention_heads", "n_head", "n_heads"})
_SIZE = re.compile(
    r"(_size|_dim|_rank|_heads|_layers|_experts)$|^(intermediate|ffn|moe_intermediate)_|^num_experts|^(n_inner|num_kv)"
    r"|^(depth|n_groups)$"
)
# Python counts true as one.
_NO_FLAG = frozenset(
    {"num_key_value_heads", "num_kv_heads", "head_dim", "intermediate_size", "moe_intermediate_size", "num_experts",
     "num_local_experts", "n_routed_experts"}
)  # fmt: skip
# Contexts of ten million tokens exist (Llama 4 Scout), and rotary bases are no sizes.
_NO_SIZE = re.compile(r"position|group_size|token|theta|window|chunk|seq|max_|multiplier|ngram|speech_vocab_size")
LARGEST = 10**7
"""No width, layer count or vocabulary comes near: the largest vocabularies have 262,144 entries."""
_CONTEXT, _LONGEST = "max_position_embeddings", 10**9
_HEAD = re.compile(r"_heads$|^head_dim$|_head_dim$")
_MOST_HEADS = 10**5
# Numbers inside objects that are no configs: bits of a weight (GPTQ has 2, 3, 4 and 8) and the stretch of a context.
_INSIDE: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "quantization_config": {"bits": (1, 16)},
    "compression_config": {"bits": (1, 16)},
    "rope_scaling": {"factor": (0, 10**5), "original_max_position_embeddings": (0, _LONGEST)},
    "rope_parameters": {"factor": (0, 10**5), "original_max_position_embeddings": (0, _LONGEST)},
}


class ModelConfigError(UsageError):
    """A ``config.json`` from which no architecture can be computed; the message names the key."""


_OTHER_NAMES = {
    "deepseek_ref": "deepseek_v4",
    "glm53_flash": "glm5_next",
    "glm53_flash_text": "glm5_next_text",
    "qwen3_8_flash_next": "qwen4_exp",
    "qwen3_8_flash_next_text": "qwen4_exp_text",
}
"""Types that checkpoints name and no engine knows: sgl-project/DeepSeek-V4-Flash-FP8, whose class is that of V4,
SGLang's names of GLM-5.3-Flash, and checkpoints of Qwen3.8-Flash-Next from before transformers renamed its class."""


class ConfigReader(Struct, frozen=True):
    """A config object with its class defaults behind it.

    Attributes:
        values: The object as parsed.
        model_type: Chooses the defaults.
        model_id: For messages.
    """

    values: Mapping[str, Any]
    model_type: str
    model_id: str
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any], model_id: str, model_type: str | None = None) -> ConfigReader:
        """Reader for ``values``; ``model_type`` is used where the object has none.

        Raises:
            ModelConfigError: A size is not a number that a model can have.
        """
        for key, value in values.items():
            _check_size(key, value, model_id)
        kind = str(values.get("model_type") or model_type or "")
        kind = _OTHER_NAMES.get(kind, kind)
        defaults = read_data("models/hf_defaults.json")["defaults"].get(kind, {})
        return cls(values=values, model_type=kind, model_id=model_id, defaults=defaults)

    def sub(self, *keys: str, fallback_type: str | None = None) -> ConfigReader | None:
        """Reader for a nested object, None when absent."""
        for key in keys:
            value = self.values.get(key)
            if isinstance(value, Mapping):
                kind = fallback_type or (self.defaults.get("sub_configs") or {}).get(key)
                return ConfigReader.of(value, self.model_id, kind)
        return None

    def get(self, *keys: str) -> Any:
        """First key that is present and not null, else its default, else None."""
        for key in keys:
            if self.values.get(key) is not None:
                return self.values[key]
        for key in keys:
            if key not in self.values and self.defaults.get(key) is not None:
                return self.defaults[key]
        return None

    def integer(self, *keys: str, default: int | None = None) -> int:
        """Like `get`, as an int.

        Raises:
            ModelConfigError: nothing found and no ``default`` given, or no finite number.
        """
        value = self.get(*keys)
        if isinstance(value, list):
            value = next((item for item in value if isinstance(item, int | float)), None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            if default is None:
                raise ModelConfigError(
                    f"config.json of {self.model_id} has no `{keys[0]}` (model_type {self.model_type or 'missing'})"
                )
            return default
        if not math.isfinite(value):
            raise ModelConfigError(f"config.json of {self.model_id}: {keys[0]} is {value}, expected a number")
        return int(value)

    def flag(self, *keys: str, default: bool = False) -> bool:
        """Like `get`, as a bool.

        Raises:
            ModelConfigError: It is a text, which would count as true whatever it says.
        """
        value = self.get(*keys)
        if isinstance(value, str):
            raise _refused(keys[0], value, "true or false", self.model_id)
        return default if value is None else bool(value)

    def has(self, key: str) -> bool:
        """Whether the object itself has the key with a value."""
        return self.values.get(key) is not None

    def states_any(self, *keys: str) -> bool:
        """Whether the object itself, not its class's defaults, has a value for one of the keys."""
        return any(self.has(key) for key in keys)


def _check_size(key: str, value: Any, model_id: str) -> None:
    """Refuse what no model can have: arithmetic on it gives nonsense, or fails where nobody sees why."""
    if isinstance(value, Mapping):
        for inner, (low, high) in _INSIDE.get(key, {}).items():
            item = value.get(inner)
            if isinstance(item, int | float) and not low <= item <= high:
                raise _refused(f"{key}.{inner}", item, f"a number from {low:,} to {high:,}", model_id)
        return
    context = key.endswith(_CONTEXT)
    must = key in _POSITIVE or key == _CONTEXT
    if value is None or not (must or context or (_SIZE.search(key) and not _NO_SIZE.search(key))):
        return
    # Models without positions (recurrent, ALiBi) say 0.
    least = int(key in _POSITIVE)
    most = _LONGEST if context else _MOST_HEADS if _HEAD.search(key) else LARGEST
    for item in value if isinstance(value, list) else (value,):
        number = isinstance(item, int | float) and not isinstance(item, bool)
        quoted = isinstance(item, str) and item.strip().isdigit()
        if not number and not must and not quoted and not (key in _NO_FLAG and isinstance(item, bool)):
            continue
        if not number or not math.isfinite(item) or item != int(item) or not least <= item <= most:
            raise _refused(key, item, f"a whole number from {least} to {most:,}", model_id)


def _refused(key: str, value: object, expected: str, model_id: str) -> ModelConfigError:
    return ModelConfigError(f"config.json of {model_id}: {key} is {value!r}, expected {expected}")
