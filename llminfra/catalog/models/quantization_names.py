"""Words that name a quantization: of engines, of formats, and what logs and repositories call them."""

from __future__ import annotations

import re

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
