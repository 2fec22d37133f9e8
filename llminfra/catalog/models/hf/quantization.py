"""The quantization that a ``config.json`` states: read, or refused; never taken for none in silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from llminfra.catalog.models.config_reader import ConfigReader, ModelConfigError
from llminfra.catalog.models.quantization import QuantFacts
from llminfra.catalog.models.quantization_config import parse_quantization_config, with_fp4_experts
from llminfra.catalog.models.quantization_names import UNMODELLED, names_format, quantization_from_name

_KEYS = ("quantization_config", "compression_config")
# These read to nothing where the object quantizes activations or the cache alone, or says so itself.
_MAY_BE_NOTHING = frozenset({"compressed-tensors", "sparseml", "modelopt", "bitsandbytes"})


def read_quantization(top: ConfigReader, text: ConfigReader) -> tuple[QuantFacts | None, tuple[str, ...]]:
    """The quantization, and what is to be told about it.

    Raises:
        ModelConfigError: The config states one that cannot be read.
    """
    notes = []
    for reader in (top, text):
        for key in _KEYS:
            value = reader.values.get(key)
            if value is None or value == {}:
                continue
            if not isinstance(value, Mapping):
                raise _wrong(reader, key, value, "an object with quant_method")
            if parsed := parse_quantization_config(value):
                stated = (reader.values.get("expert_dtype"), value.get("expert_dtype"))
                # MiMo-V2.6 and Ling 3 name the format of the files (vllm fp8.py 0.33.0).
                fp4 = parsed.method == "fp8" and ("fp4" in stated or value.get("store_dtype") == "mxfp4")
                return (with_fp4_experts(parsed) if fp4 else parsed), ()
            if (named := _by_name(value)) is not None:
                return named, (f"{key} has quant_method {value['quant_method']!r}: counted as its name says",)
            if doubt := _nothing(reader, key, value):
                notes.append(doubt)
    return None, tuple(dict.fromkeys(notes))


def _by_name(value: Mapping[str, Any]) -> QuantFacts | None:
    """Methods of engines that are not told apart here and have a format in their name, such as ``w8a8_int8``."""
    method = str(value.get("quant_method") or "")
    if method.lower().replace("_", "-") in _MAY_BE_NOTHING or not names_format(method):
        return None
    found = quantization_from_name(method)
    return None if found is None else replace(found, online=False)


def _nothing(reader: ConfigReader, key: str, value: Mapping[str, Any]) -> str | None:
    """What to say of an object from which no format is read."""
    method = value.get("quant_method")
    plain = str(method or "").lower().replace("_", "-")
    if plain in _MAY_BE_NOTHING or "producer" in value or "config_groups" in value:
        return None
    if plain in UNMODELLED:
        return (
            f"{key} has quant_method {method!r}, whose bytes are not modelled: weights are counted in 16 bit, the most"
            " that they take"
        )
    if method is None:
        raise _wrong(reader, key, sorted(value), "a quant_method")
    raise _wrong(reader, f"{key}.quant_method", method, "a method that an engine has")


def _wrong(reader: ConfigReader, key: str, value: object, expected: str) -> ModelConfigError:
    return ModelConfigError(f"config.json of {reader.model_id}: {key} is {value!r}, expected {expected}")
