"""What a checkpoint quantizes and how: parsed from ``quantization_config``, or from a name such as ``awq``.

Sources for the fields: compressed-tensors ``config_groups`` (vllm-project/compressed-tensors), ModelOpt
``hf_quant_config.json`` and its copy in ``config.json``, AutoAWQ, GPTQModel, transformers ``FineGrainedFP8Config``,
``Mxfp4Config`` and ``BitsAndBytesConfig`` as read by vLLM 0.8.5-0.33.0 in
``vllm/model_executor/layers/quantization``.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class WeightFormat(StrEnum):
    """How one weight matrix is stored on the GPU."""

    FP8 = "fp8"
    INT8 = "int8"
    INT4 = "int4"
    NVFP4 = "nvfp4"
    MXFP4 = "mxfp4"
    MXFP8 = "mxfp8"
    BNB_NF4 = "bnb_nf4"
    BNB_INT8 = "bnb_int8"


class WeightScheme(Struct, frozen=True, kw_only=True):
    """Storage of a quantized matrix.

    Attributes:
        format: Element format.
        bits: Bits per weight (3 or 8 occur for GPTQ).
        group: Inputs that share one scale: a count, 0 for one scale per output channel, -1 for one per tensor.
        block: ``(outputs, inputs)`` of a two-dimensional scale block, None otherwise.
        zero_points: One packed zero point per group.
        activation_order: GPTQ ``desc_act``; keeps a 4-byte group index per input.
        experts_only: The scheme applies to routed experts alone.
        activation_bits: Bits of the inputs that it is multiplied with; 16 where they stay as they are.
    """

    format: WeightFormat
    bits: int
    group: int = 0
    block: tuple[int, int] | None = None
    zero_points: bool = False
    activation_order: bool = False
    experts_only: bool = False
    activation_bits: int = 16


class QuantRule(Struct, frozen=True, kw_only=True):
    """One scheme and the module-name patterns it applies to; no pattern means every linear layer."""

    scheme: WeightScheme
    targets: tuple[str, ...] = ()


class QuantFacts(Struct, frozen=True, kw_only=True):
    """Quantization of one checkpoint, or of loading one.

    Attributes:
        method: Name as the engine prints it, for example ``compressed-tensors``.
        rules: Schemes in the order they are tried.
        ignore: Module-name patterns that stay in 16 bit: plain names, ``*`` globs or ``re:`` expressions.
        kv_cache_fp8: The checkpoint asks for an fp8 key-value cache.
        online: The engine quantizes at load time.
        lm_head: The output head is quantized too.
    """

    method: str
    rules: tuple[QuantRule, ...]
    ignore: tuple[str, ...] = ()
    kv_cache_fp8: bool = False
    online: bool = False
    lm_head: bool = False


_TEXTUAL = re.compile(r"[^a-z0-9]+")
_FP8_TENSOR = WeightScheme(format=WeightFormat.FP8, bits=8, group=-1)
_FP8_CHANNEL = WeightScheme(format=WeightFormat.FP8, bits=8, group=0)
_NVFP4 = WeightScheme(format=WeightFormat.NVFP4, bits=4, group=16)
_MXFP8 = WeightScheme(format=WeightFormat.MXFP8, bits=8, group=32)
_MXFP4 = WeightScheme(format=WeightFormat.MXFP4, bits=4, group=32)
_NF4 = WeightScheme(format=WeightFormat.BNB_NF4, bits=4, group=64)
_DEFAULT_IGNORE = ("lm_head",)
# What published NVFP4 copies of hybrid models leave in 16 bit (nvidia/Qwen3.5-*-NVFP4, hf_quant_config.json).
_FOUR_BIT_IGNORE = ("lm_head", "*linear_attn*")


def with_fp4_experts(quant: QuantFacts) -> QuantFacts:
    """DeepSeek V4's ``expert_dtype: fp4``: routed experts in MXFP4, the rest as the object says."""
    return replace(quant, rules=(QuantRule(scheme=_experts(_MXFP4)), *quant.rules))


def parse_quantization_config(config: Mapping[str, Any]) -> QuantFacts | None:
    """Read a ``quantization_config`` object or a ModelOpt ``hf_quant_config.json``; None when it quantizes nothing."""
    method = str(config.get("quant_method") or "").lower().replace("_", "-")
    algo = config.get("quant_algo") or (config.get("quantization") or {}).get("quant_algo")
    if method.startswith("modelopt") or "producer" in config or (algo and not method):
        return _parse_modelopt(config)
    if method in {"compressed-tensors", "sparseml"} or (not method and "config_groups" in config):
        return _parse_compressed_tensors(config)
    if method in {"fp8", "fbgemm-fp8", "fp-quant"}:
        return _parse_fp8(config, method)
    if method in {"awq", "awq-marlin"}:
        return _parse_awq(config)
    if method in {"gptq", "gptq-marlin", "auto-round", "auto_round"}:
        return _parse_gptq(config, method)
    if method == "mxfp4":
        return QuantFacts(
            method="mxfp4",
            rules=(QuantRule(scheme=_experts(_MXFP4)),),
            ignore=_names(config.get("modules_to_not_convert")) or _DEFAULT_IGNORE,
        )
    if method == "bitsandbytes" or config.get("load_in_4bit") or config.get("load_in_8bit"):
        return _parse_bitsandbytes(config)
    if method == "torchao" and (scheme := _torchao_scheme(config)) is not None:
        return QuantFacts(method=method, rules=(QuantRule(scheme=scheme),), ignore=_DEFAULT_IGNORE)
    return None


def quantization_from_name(text: str) -> QuantFacts | None:
    """Read a free-form name such as ``awq``, ``fp8``, ``nvfp4 (modelopt)`` or ``compressed-tensors int4 g32``.

    An engine option names how to load; where the checkpoint itself is plain, ``fp8`` and ``bitsandbytes`` quantize
    at load time. Returns None for 16-bit names and for names that say no format.
    """
    words = [word for word in _TEXTUAL.split(text.lower()) if word]
    joined = " ".join(words)
    group = _group_in(words)
    if not words or joined in {"none", "auto", "bf16", "bfloat16", "fp16", "float16", "half"}:
        return None
    if "mxfp4" in joined:
        return QuantFacts(method="mxfp4", rules=(QuantRule(scheme=_experts(_MXFP4)),), ignore=_DEFAULT_IGNORE)
    if "nvfp4" in joined or "fp4" in joined:
        return QuantFacts(method="modelopt_fp4", rules=(QuantRule(scheme=_NVFP4),), ignore=_FOUR_BIT_IGNORE)
    if "mxfp8" in joined:
        return QuantFacts(method="mxfp8", rules=(QuantRule(scheme=_MXFP8),), ignore=_DEFAULT_IGNORE)
    if any(word in joined for word in ("bitsandbytes", "bnb", "nf4")):
        return QuantFacts(method="bitsandbytes", rules=(QuantRule(scheme=_NF4),), ignore=_DEFAULT_IGNORE, online=True)
    if "awq" in joined and "compressed" not in joined:
        return QuantFacts(
            method="awq",
            rules=(QuantRule(scheme=_int(4, group or 128, zero_points=True)),),
            ignore=_DEFAULT_IGNORE,
        )
    if "gptq" in joined or joined == "marlin":
        bits = 8 if any(mark in joined for mark in ("int8", "8bit", "8 bit", "w8")) else 4
        return QuantFacts(method="gptq", rules=(QuantRule(scheme=_int(bits, group or 128)),), ignore=_DEFAULT_IGNORE)
    if any(word in joined for word in ("int4", "w4a16", "4bit", "4 bit", "autoround", "auto round")):
        scheme = _int(4, group or (32 if "awq" in joined else 128), zero_points="awq" in joined)
        return QuantFacts(method="compressed-tensors", rules=(QuantRule(scheme=scheme),), ignore=_DEFAULT_IGNORE)
    if any(word in joined for word in ("w8a8", "int8", "w8a16")) and "fp8" not in joined:
        inputs = 8 if "w8a8" in joined else 16
        scheme = WeightScheme(format=WeightFormat.INT8, bits=8, group=0, activation_bits=inputs)
        return QuantFacts(method="compressed-tensors", rules=(QuantRule(scheme=scheme),), ignore=_DEFAULT_IGNORE)
    if "fp8" in joined:
        if "block" in joined:
            scheme = WeightScheme(format=WeightFormat.FP8, bits=8, block=(128, 128))
        else:
            scheme = _FP8_CHANNEL if "dynamic" in joined or "compressed" in joined else _FP8_TENSOR
        return QuantFacts(method="fp8", rules=(QuantRule(scheme=scheme),), ignore=_DEFAULT_IGNORE, online=True)
    return None


def _group_in(words: Iterable[str]) -> int | None:
    for word in words:
        if match := re.fullmatch(r"g(?:s|roup)?(\d+)", word):
            return int(match.group(1))
    return None


def _experts(scheme: WeightScheme) -> WeightScheme:
    return WeightScheme(format=scheme.format, bits=scheme.bits, group=scheme.group, experts_only=True)


def _int(bits: int, group: int, *, zero_points: bool = False, activation_order: bool = False) -> WeightScheme:
    return WeightScheme(
        format=WeightFormat.INT8 if bits == 8 else WeightFormat.INT4,
        bits=bits,
        group=0 if group == -1 else group,
        zero_points=zero_points,
        activation_order=activation_order,
    )


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()


def _parse_fp8(config: Mapping[str, Any], method: str) -> QuantFacts:
    block = config.get("weight_block_size")
    scheme = (
        WeightScheme(format=WeightFormat.FP8, bits=8, block=(int(block[0]), int(block[1])))
        if block
        else (_FP8_CHANNEL if method == "fbgemm-fp8" else _FP8_TENSOR)
    )
    ignore = _names(config.get("modules_to_not_convert")) or _names(config.get("ignored_layers"))
    named = "fbgemm_fp8" if method == "fbgemm-fp8" else "fp8"
    return QuantFacts(method=named, rules=(QuantRule(scheme=scheme),), ignore=(*ignore, *_DEFAULT_IGNORE))


def _parse_awq(config: Mapping[str, Any]) -> QuantFacts:
    bits = int(config.get("bits", config.get("w_bit", 4)))
    group = int(config.get("group_size", config.get("q_group_size", 128)))
    zero = bool(config.get("zero_point", True))
    ignore = tuple(f"*{item}*" for item in _names(config.get("modules_to_not_convert")))
    return QuantFacts(
        method="awq",
        rules=(QuantRule(scheme=_int(bits, group, zero_points=zero)),),
        ignore=(*ignore, *_DEFAULT_IGNORE),
    )


def _parse_gptq(config: Mapping[str, Any], method: str) -> QuantFacts:
    bits = int(config.get("bits", 4))
    group = int(config.get("group_size", 128))
    dynamic = config.get("dynamic") or {}
    ignore = [f"re:.*{name[2:].lstrip('.*')}" for name in dynamic if name.startswith("-:")] if dynamic else []
    ignore += [f"*{item}*" for item in _names(config.get("modules_to_not_convert"))]
    extra = config.get("extra_config") or {}
    if isinstance(extra, dict):
        ignore += [name for name, item in extra.items() if isinstance(item, dict) and int(item.get("bits", bits)) >= 16]
    scheme = _int(
        bits,
        group,
        zero_points=not config.get("sym", True),
        activation_order=bool(config.get("desc_act", False)) and group != -1,
    )
    lm_head = bool(config.get("lm_head", False))
    return QuantFacts(
        method="gptq" if method.startswith("gptq") else "auto-round",
        rules=(QuantRule(scheme=scheme),),
        ignore=tuple(ignore) if lm_head else (*ignore, *_DEFAULT_IGNORE),
        lm_head=lm_head,
    )


def _torchao_scheme(config: Mapping[str, Any]) -> WeightScheme | None:
    """By the name of the class in ``quant_type``: Float8DynamicActivationFloat8Weight…, int4_weight_only."""
    text = str(config.get("quant_type") or "").lower()
    group = re.search(r"group_size'?: (\d+)", text)
    if "float8" in text or "fp8" in text:
        return _FP8_CHANNEL
    if "int4" in text:
        return _int(4, int(group.group(1)) if group else 128)
    return WeightScheme(format=WeightFormat.INT8, bits=8, group=0) if "int8" in text else None


def _parse_bitsandbytes(config: Mapping[str, Any]) -> QuantFacts:
    eight = bool(config.get("load_in_8bit") or config.get("_load_in_8bit"))
    scheme = WeightScheme(format=WeightFormat.BNB_INT8, bits=8, group=0) if eight else _NF4
    skip = _names(config.get("llm_int8_skip_modules"))
    return QuantFacts(method="bitsandbytes", rules=(QuantRule(scheme=scheme),), ignore=(*skip, *_DEFAULT_IGNORE))


def _weights_scheme(weights: Mapping[str, Any], fmt: str) -> WeightScheme | None:
    bits = int(weights.get("num_bits") or 8)
    kind = str(weights.get("type") or "int")
    strategy = str(weights.get("strategy") or ("group" if weights.get("group_size") else "tensor"))
    group = weights.get("group_size")
    block = weights.get("block_structure")
    if kind == "float" and bits == 8:
        if "mxfp8" in fmt or (strategy == "group" and group == 32):
            return _MXFP8
        if strategy == "block" or block:
            shape = block if isinstance(block, list) else [128, 128]
            return WeightScheme(format=WeightFormat.FP8, bits=8, block=(int(shape[0]), int(shape[1])))
        return _FP8_CHANNEL if strategy == "channel" else _FP8_TENSOR
    if kind == "float" and bits == 4:
        return _MXFP4 if "mxfp4" in fmt or group == 32 else _NVFP4
    if "mxfp4" in fmt:
        return _MXFP4
    if kind == "int":
        return _int(
            bits,
            int(group) if group and strategy in {"group", "tensor_group"} else -1,
            zero_points=weights.get("symmetric") is False,
            activation_order=weights.get("actorder") in {"group", True},
        )
    return None


def _parse_compressed_tensors(config: Mapping[str, Any]) -> QuantFacts | None:
    rules = []
    for group in (config.get("config_groups") or {}).values():
        weights = group.get("weights")
        if not weights:
            continue
        scheme = _weights_scheme(weights, str(group.get("format") or config.get("format") or ""))
        if scheme is None:
            continue
        inputs = group.get("input_activations") or {}
        scheme = replace(scheme, activation_bits=int(inputs.get("num_bits") or 16))
        targets = tuple(name for name in _names(group.get("targets")) if name not in {"Linear", "FusedMoE"})
        rules.append(QuantRule(scheme=scheme, targets=targets))
    if not rules:
        return None
    # Specific targets win over "every Linear".
    rules.sort(key=lambda rule: not rule.targets)
    return QuantFacts(
        method="compressed-tensors",
        rules=tuple(rules),
        ignore=_names(config.get("ignore")),
        kv_cache_fp8=_kv_fp8(config.get("kv_cache_scheme")),
        # "Linear" is no class of the head: vLLM 0.20 and later quantize it only where a target names it.
        lm_head=any("lm_head" in target for rule in rules for target in rule.targets),
    )


_MODELOPT_SCHEMES = {
    "FP8": _FP8_TENSOR,
    "FP8_PER_CHANNEL_PER_TOKEN": _FP8_CHANNEL,
    "FP8_PB_WO": WeightScheme(format=WeightFormat.FP8, bits=8, block=(128, 128)),
    "NVFP4": _NVFP4,
    "NVFP4_AWQ": _NVFP4,
    "W4A16_NVFP4": _NVFP4,
    "W4A8_NVFP4_FP8": _NVFP4,
    "MXFP8": _MXFP8,
    "W4A8_AWQ": WeightScheme(format=WeightFormat.INT4, bits=4, group=128),
    "INT4_AWQ": WeightScheme(format=WeightFormat.INT4, bits=4, group=128),
    "W4A16_AWQ": WeightScheme(format=WeightFormat.INT4, bits=4, group=128),
}


def _parse_modelopt(config: Mapping[str, Any]) -> QuantFacts | None:
    body = config.get("quantization") if isinstance(config.get("quantization"), dict) else config
    if body is None:
        return None
    algo = str(body.get("quant_algo") or "").upper()
    ignore = _names(body.get("exclude_modules")) or _names(body.get("ignore"))
    kv_fp8 = str(body.get("kv_cache_quant_algo") or "").upper() == "FP8" or _kv_fp8(body.get("kv_cache_scheme"))
    rules: list[QuantRule] = []
    by_scheme: dict[str, list[str]] = {}
    for name, item in (body.get("quantized_layers") or {}).items():
        by_scheme.setdefault(str(item.get("quant_algo") or "").upper(), []).append(name)
    for name, targets in by_scheme.items():
        if scheme := _MODELOPT_SCHEMES.get(name):
            rules.append(QuantRule(scheme=scheme, targets=tuple(targets)))
    if not rules and (scheme := _MODELOPT_SCHEMES.get(algo)):
        rules.append(QuantRule(scheme=scheme))
    moe_algo = str(body.get("moe_quant_algo") or "").upper()
    if str(body.get("quant_method") or "") == "fp8" and body.get("weight_block_size"):
        block = body["weight_block_size"]
        rules = [QuantRule(scheme=WeightScheme(format=WeightFormat.FP8, bits=8, block=(int(block[0]), int(block[1]))))]
        ignore = ()
    if scheme := _MODELOPT_SCHEMES.get(moe_algo):
        rules.insert(0, QuantRule(scheme=_experts(scheme)))
    if not rules:
        return _parse_compressed_tensors(config) if "config_groups" in config else None
    quantizes_head = any("lm_head" in rule.targets for rule in rules)
    return QuantFacts(
        method="modelopt_fp4" if algo.startswith("NVFP4") else "modelopt",
        rules=tuple(rules),
        ignore=ignore if quantizes_head else (*ignore, *_DEFAULT_IGNORE),
        kv_cache_fp8=kv_fp8,
        lm_head=quantizes_head,
    )


def _kv_fp8(scheme: object) -> bool:
    if isinstance(scheme, str):
        return scheme.upper() == "FP8"
    return isinstance(scheme, dict) and int(scheme.get("num_bits") or 0) == 8 and scheme.get("type") == "float"
