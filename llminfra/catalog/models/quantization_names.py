"""Words that name a quantization: of engines, of formats, what logs and repositories call them, and what each means."""

from __future__ import annotations

import re
from collections.abc import Iterable

from llminfra.catalog.models.quantization import (
    FP8_CHANNEL,
    FP8_TENSOR,
    MXFP4,
    MXFP8,
    NF4,
    NVFP4,
    QuantFacts,
    WeightFormat,
    WeightScheme,
    experts_alone,
    integers,
    one_scheme,
)

_SPLIT = re.compile(r"[^a-z0-9]+")
SIXTEEN_BIT = frozenset({"none", "auto", "bf16", "bfloat16", "fp16", "float16", "half"})
_WORDS = SIXTEEN_BIT | frozenset(
    {"fp8", "mxfp8", "fp4", "nvfp4", "mxfp4", "int8", "int4", "w8a8", "w8a16", "w4a16", "w4a8", "4bit", "8bit", "nf4",
     "bnb", "bitsandbytes", "awq", "gptq", "marlin", "autoround"}
)  # fmt: skip
_PHRASES = ("auto round", "auto awq", "auto gptq", "4 bit", "8 bit", "compressed tensors")
FORMATS = {
    **dict.fromkeys(("w4a16", "int4", "4bit"), "compressed-tensors"),
    **dict.fromkeys(("w8a8", "w8a16", "int8"), "compressed-tensors"),
    **dict.fromkeys(("fp8_e4m3", "fp8_e4m3fn", "w8a8_fp8"), "fp8"),
    **dict.fromkeys(("nf4", "bnb"), "bitsandbytes"),
    "autoround": "auto-round",
}
"""Names of formats that no engine takes as a method, and the method under which checkpoints come in them."""


def names_format(text: str) -> bool:
    """Whether a whole word of ``text`` says how weights are stored; ``awqq`` and ``nonsense`` do not."""
    words = [word for word in _SPLIT.split(text.lower()) if word]
    joined = f" {' '.join(words)} "
    return any(word in _WORDS for word in words) or any(f" {phrase} " in joined for phrase in _PHRASES)


def is_sixteen_bit(text: str) -> bool:
    """Whether ``text`` says that nothing is quantized."""
    return " ".join(word for word in _SPLIT.split(text.lower()) if word) in SIXTEEN_BIT


UNMODELLED = frozenset(
    {"aqlm", "bitblas", "bitnet", "eetq", "exl2", "exl3", "gguf", "gptqmodel", "higgs", "hqq", "humming", "inc",
     "moe-wna16", "quark", "quanto", "quip", "rtn", "spqr", "torchao", "vptq"}
)  # fmt: skip
"""Methods of transformers and of engines whose bytes are not counted here, as ``quant_method`` writes them."""

# What published NVFP4 copies of hybrid models leave in 16 bit (nvidia/Qwen3.5-*-NVFP4, hf_quant_config.json).
_FOUR_BIT_IGNORE = ("lm_head", "*linear_attn*")


def quantization_from_name(text: str) -> QuantFacts | None:
    """Read a free-form name such as ``awq``, ``fp8``, ``nvfp4 (modelopt)`` or ``compressed-tensors int4 g32``.

    An engine option names how to load; where the checkpoint itself is plain, ``fp8`` and ``bitsandbytes`` quantize
    at load time. Returns None for 16-bit names and for names that say no format.
    """
    words = [word for word in _SPLIT.split(text.lower()) if word]
    joined = " ".join(words)
    group = _group_in(words)
    if not words or joined in SIXTEEN_BIT:
        return None
    if "mxfp4" in joined:
        return one_scheme("mxfp4", experts_alone(MXFP4))
    if "fp4" in joined:
        return one_scheme("modelopt_fp4", NVFP4, ignore=_FOUR_BIT_IGNORE)
    if "mxfp8" in joined:
        return one_scheme("mxfp8", MXFP8)
    if any(word in joined for word in ("bitsandbytes", "bnb", "nf4")):
        return one_scheme("bitsandbytes", NF4, online=True)
    if "awq" in joined and "compressed" not in joined:
        return one_scheme("awq", integers(4, group or 128, zero_points=True))
    if "gptq" in joined or joined == "marlin":
        bits = 8 if any(mark in joined for mark in ("int8", "8bit", "8 bit", "w8")) else 4
        return one_scheme("gptq", integers(bits, group or 128))
    if any(word in joined for word in ("int4", "w4a16", "4bit", "4 bit", "autoround", "auto round")):
        scheme = integers(4, group or (32 if "awq" in joined else 128), zero_points="awq" in joined)
        return one_scheme("compressed-tensors", scheme)
    if any(word in joined for word in ("w8a8", "int8", "w8a16")) and "fp8" not in joined:
        inputs = 8 if "w8a8" in joined else 16
        scheme = WeightScheme(format=WeightFormat.INT8, bits=8, group=0, activation_bits=inputs)
        return one_scheme("compressed-tensors", scheme)
    if "fp8" in joined:
        if "block" in joined:
            scheme = WeightScheme(format=WeightFormat.FP8, bits=8, block=(128, 128))
        else:
            scheme = FP8_CHANNEL if "dynamic" in joined or "compressed" in joined else FP8_TENSOR
        return one_scheme("fp8", scheme, online=True)
    return None


def _group_in(words: Iterable[str]) -> int | None:
    for word in words:
        if match := re.fullmatch(r"g(?:s|roup)?(\d+)", word):
            return int(match.group(1))
    return None
