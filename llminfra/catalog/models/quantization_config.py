"""The quantization that a ``quantization_config`` object, or ModelOpt's file, states.

Sources for the fields: compressed-tensors ``config_groups`` (vllm-project/compressed-tensors), ModelOpt
``hf_quant_config.json`` and its copy in ``config.json``, AutoAWQ, GPTQModel, transformers ``FineGrainedFP8Config``,
``Mxfp4Config`` and ``BitsAndBytesConfig`` as read by vLLM 0.8.5-0.33.0 in
``vllm/model_executor/layers/quantization``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from llminfra.catalog.models.quantization import (
    FP8_CHANNEL,
    FP8_TENSOR,
    HEAD_KEPT,
    MXFP4,
    MXFP8,
    NF4,
    NVFP4,
    QuantFacts,
    QuantRule,
    WeightFormat,
    WeightScheme,
    experts_alone,
    integers,
    one_scheme,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def with_fp4_experts(quant: QuantFacts) -> QuantFacts:
    """DeepSeek V4's ``expert_dtype: fp4``: routed experts in MXFP4, the rest as the object says."""
    return replace(quant, rules=(QuantRule(scheme=experts_alone(MXFP4)), *quant.rules))


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
        ignore = _names(config.get("modules_to_not_convert")) or HEAD_KEPT
        return one_scheme("mxfp4", experts_alone(MXFP4), ignore=ignore)
    if method == "bitsandbytes" or config.get("load_in_4bit") or config.get("load_in_8bit"):
        return _parse_bitsandbytes(config)
    if method == "torchao" and (scheme := _torchao_scheme(config)) is not None:
        return one_scheme(method, scheme)
    return None


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()


def _parse_fp8(config: Mapping[str, Any], method: str) -> QuantFacts:
    block = config.get("weight_block_size")
    scheme = (
        WeightScheme(format=WeightFormat.FP8, bits=8, block=(int(block[0]), int(block[1])))
        if block
        else (FP8_CHANNEL if method == "fbgemm-fp8" else FP8_TENSOR)
    )
    ignore = _names(config.get("modules_to_not_convert")) or _names(config.get("ignored_layers"))
    named = "fbgemm_fp8" if method == "fbgemm-fp8" else "fp8"
    return one_scheme(named, scheme, ignore=(*ignore, *HEAD_KEPT))


def _parse_awq(config: Mapping[str, Any]) -> QuantFacts:
    bits = int(config.get("bits", config.get("w_bit", 4)))
    group = int(config.get("group_size", config.get("q_group_size", 128)))
    zero = bool(config.get("zero_point", True))
    ignore = tuple(f"*{item}*" for item in _names(config.get("modules_to_not_convert")))
    return one_scheme("awq", integers(bits, group, zero_points=zero), ignore=(*ignore, *HEAD_KEPT))


def _parse_gptq(config: Mapping[str, Any], method: str) -> QuantFacts:
    bits = int(config.get("bits", 4))
    group = int(config.get("group_size", 128))
    dynamic = config.get("dynamic") or {}
    ignore = [f"re:.*{name[2:].lstrip('.*')}" for name in dynamic if name.startswith("-:")] if dynamic else []
    ignore += [f"*{item}*" for item in _names(config.get("modules_to_not_convert"))]
    extra = config.get("extra_config") or {}
    if isinstance(extra, dict):
        ignore += [name for name, item in extra.items() if isinstance(item, dict) and int(item.get("bits", bits)) >= 16]
    scheme = integers(
        bits,
        group,
        zero_points=not config.get("sym", True),
        activation_order=bool(config.get("desc_act", False)) and group != -1,
    )
    lm_head = bool(config.get("lm_head", False))
    return QuantFacts(
        method="gptq" if method.startswith("gptq") else "auto-round",
        rules=(QuantRule(scheme=scheme),),
        ignore=tuple(ignore) if lm_head else (*ignore, *HEAD_KEPT),
        lm_head=lm_head,
    )


def _torchao_scheme(config: Mapping[str, Any]) -> WeightScheme | None:
    """By the name of the class in ``quant_type``: Float8DynamicActivationFloat8Weight…, int4_weight_only."""
    text = str(config.get("quant_type") or "").lower()
    group = re.search(r"group_size'?: (\d+)", text)
    if "float8" in text or "fp8" in text:
        return FP8_CHANNEL
    if "int4" in text:
        return integers(4, int(group.group(1)) if group else 128)
    return WeightScheme(format=WeightFormat.INT8, bits=8, group=0) if "int8" in text else None


def _parse_bitsandbytes(config: Mapping[str, Any]) -> QuantFacts:
    eight = bool(config.get("load_in_8bit") or config.get("_load_in_8bit"))
    scheme = WeightScheme(format=WeightFormat.BNB_INT8, bits=8, group=0) if eight else NF4
    skip = _names(config.get("llm_int8_skip_modules"))
    return one_scheme("bitsandbytes", scheme, ignore=(*skip, *HEAD_KEPT))


def _weights_scheme(weights: Mapping[str, Any], fmt: str) -> WeightScheme | None:
    bits = int(weights.get("num_bits") or 8)
    kind = str(weights.get("type") or "int")
    strategy = str(weights.get("strategy") or ("group" if weights.get("group_size") else "tensor"))
    group = weights.get("group_size")
    block = weights.get("block_structure")
    if kind == "float" and bits == 8:
        if "mxfp8" in fmt or (strategy == "group" and group == 32):
            return MXFP8
        if strategy == "block" or block:
            shape = block if isinstance(block, list) else [128, 128]
            return WeightScheme(format=WeightFormat.FP8, bits=8, block=(int(shape[0]), int(shape[1])))
        return FP8_CHANNEL if strategy == "channel" else FP8_TENSOR
    if kind == "float" and bits == 4:
        return MXFP4 if "mxfp4" in fmt or group == 32 else NVFP4
    if "mxfp4" in fmt:
        return MXFP4
    if kind == "int":
        return integers(
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
    "FP8": FP8_TENSOR,
    "FP8_PER_CHANNEL_PER_TOKEN": FP8_CHANNEL,
    "FP8_PB_WO": WeightScheme(format=WeightFormat.FP8, bits=8, block=(128, 128)),
    "NVFP4": NVFP4,
    "NVFP4_AWQ": NVFP4,
    "W4A16_NVFP4": NVFP4,
    "W4A8_NVFP4_FP8": NVFP4,
    "MXFP8": MXFP8,
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
        rules.insert(0, QuantRule(scheme=experts_alone(scheme)))
    if not rules:
        return _parse_compressed_tensors(config) if "config_groups" in config else None
    quantizes_head = any("lm_head" in rule.targets for rule in rules)
    return QuantFacts(
        method="modelopt_fp4" if algo.startswith("NVFP4") else "modelopt",
        rules=tuple(rules),
        ignore=ignore if quantizes_head else (*ignore, *HEAD_KEPT),
        kv_cache_fp8=kv_fp8,
        lm_head=quantizes_head,
    )


def _kv_fp8(scheme: object) -> bool:
    if isinstance(scheme, str):
        return scheme.upper() == "FP8"
    return isinstance(scheme, dict) and int(scheme.get("num_bits") or 0) == 8 and scheme.get("type") == "float"
