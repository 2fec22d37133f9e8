"""What is left for the cache in SGLang and Text Generation Inference.

SGLang does not profile: ``mem_fraction_static`` says how much weights and cache may take together, and its default
comes from the size of the device (``python/sglang/srt/server_args.py`` 0.3.0 to 0.5.23, ``model_runner.py``
profile_max_num_token). Text Generation Inference takes 95 % of what its warm-up leaves
(``server/text_generation_server/models/flash_causal_lm.py``, ``TGI_WIGGLE_ROOM``).
"""

from __future__ import annotations

from typing import Any

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory import messages
from llminfra.planning.memory.activation import activation_peak
from llminfra.planning.memory.budget import Budget
from llminfra.planning.memory.case import FitCase
from llminfra.planning.memory.engine_profile import (
    ASSUMED_RELEASE,
    EngineProfile,
    engine_data,
    parse_version,
    vllm_profile,
)
from llminfra.planning.memory.forward_peak import Batch
from llminfra.planning.memory.kv_specs import CacheKind, CacheSpec, cache_specs
from llminfra.planning.memory.overhead import GIB, cuda_context_gib, nccl_gib
from llminfra.planning.memory.settings import Settings
from llminfra.planning.memory.verdict import Verdict

TGI_PREFILL_TOKENS = 4096
TGI_SHARE = 0.95


def _nccl(settings: Settings, gpu: Gpu | None) -> float:
    """Communicators in whole: what vLLM counted when it first looked at the device before it made them."""
    return nccl_gib(settings, gpu, vllm_profile(ASSUMED_RELEASE))


def sglang_fraction(facts: ModelFacts, case: FitCase, settings: Settings, total_gib: float) -> float:
    """Default of ``mem_fraction_static``."""
    rules = engine_data()["sglang"]
    mib = total_gib * 1024
    ranks = settings.tp * settings.pp
    version = parse_version(case.engine_version)
    if version is not None and version < (0, 4, 8):
        return _fraction_by_ranks(rules, version, ranks, mib)
    if version is not None and version < (0, 5, 0):
        row = next(item for item in rules["reserved_before_0_5"] if mib < item["below_gib"] * 1024)
        reserved = (row["gib"] + ranks * row["gib_per_rank"]) * 1024
        images = rules["multimodal_factor_before_0_5"] if facts.encoders else 1.0
    else:
        row = next(item for item in rules["reserved"] if mib < item["below_gib"] * 1024)
        graphs = row["graph_batch"] if settings.tp < 4 else row["graph_batch_tp4"]
        reserved = 512 + max(row["chunk"], 2048) * 1.5 + graphs * 2 + ranks / 8 * 1024
        if mib > 60 * 1024:
            reserved = max(reserved, 10 * 1024)
        images = rules["multimodal_factor"] * _tower_factor(facts) if facts.encoders else 1.0
    return float(round((mib - reserved) / mib, 3)) * images


def _fraction_by_ranks(rules: dict[str, Any], version: tuple[int, ...], ranks: int, mib: float) -> float:
    """Until 0.4.7 the default goes by the number of ranks; the last two releases treat large devices apart."""
    fraction = float(next(row["fraction"] for row in rules["fraction_by_ranks"] if ranks >= row["from_ranks"]))
    if version >= (0, 4, 7):
        if mib > 180_000:
            return 0.79
        if mib > 96 * 1024:
            return float(min(fraction + 48 * 1024 * (1 - fraction) / mib, (mib - 18 * 1024) / mib))
    elif version >= (0, 4, 6) and mib > 80 * 1024:
        return float((mib - 13 * 1024) / mib)
    return fraction


def _tower_factor(facts: ModelFacts) -> float:
    """A tower of twice the size of ViT-L/14 costs a tenth of the fraction, within 0.8 to 1.05.

    The engine compares layers times squared width; twelve of these are about the parameters of a layer's matrices.
    """
    largest = max((item.sharded_params or item.replicated_params for item in facts.encoders), default=0)
    return float(max(0.8, min(1.05, 1.0 - 0.1 * (largest / 12 / (24 * 1024**2) - 1.0))))


def sglang_budget(
    facts: ModelFacts,
    case: FitCase,
    settings: Settings,
    weights_gib: float,
    total_gib: float,
    gpu: Gpu | None,
) -> Budget:
    """Cache memory under ``mem_fraction_static``."""
    given = case.gpu_memory_utilization
    fraction = given if given is not None else sglang_fraction(facts, case, settings, total_gib)
    other = engine_data()["sglang"]["context_gib"] + _nccl(settings, gpu)
    limit = total_gib * fraction
    available = limit - weights_gib - other
    specs = cache_specs(facts, tp=settings.tp, kv_bytes=settings.kv_element_bytes, state_bytes=2)
    rest = available
    if any(spec.kind is CacheKind.STATE for spec in specs):
        # The pool of recurrent states gets 0.9 parts for every part of the token cache.
        rest = available / 1.9
    cell = _sglang_token_bytes(specs)
    tokens = max(0, int(rest * GIB // cell)) if cell else 0
    length = settings.max_model_len
    source = "given" if given is not None else "default for this device"
    if tokens <= 0:
        verdict = Verdict(
            fits=False,
            code="LLM_MEM_2",
            text=f"nothing is left for the cache: {-available:.2f} GiB too little after the weights",
            engine_error=messages.sglang_no_memory(fraction),
        )
    else:
        verdict = Verdict(
            fits=True, code="LLM_MEM_0", text=f"starts with {available:.2f} GiB of cache, {tokens} tokens"
        )
    return Budget(
        total=total_gib,
        limit=limit,
        weights=weights_gib,
        activation=total_gib - limit,
        non_torch=other,
        graphs=0.0,
        available=available,
        tokens=tokens,
        concurrency=tokens / length,
        longest=min(length, tokens),
        verdict=verdict,
        explain=(
            f"budget {limit:.2f} GiB: {total_gib:.2f} GiB of the driver x mem_fraction_static {fraction} ({source})",
            f"activations and graphs share the other {total_gib - limit:.2f} GiB",
            f"non-torch {other:.2f} GiB: CUDA context, NCCL",
            f"cache {available:.2f} GiB: budget less weights and non-torch",
        ),
    )


def _sglang_token_bytes(specs: tuple[CacheSpec, ...]) -> float:
    """Bytes behind one token; window layers get 0.8 tokens for each of the full layers (swa_full_tokens_ratio)."""
    full = sum(spec.token_bytes for spec in specs if spec.kind is CacheKind.FULL)
    local = sum(spec.token_bytes for spec in specs if spec.kind in {CacheKind.WINDOW, CacheKind.CHUNK})
    return full + 0.8 * local if full and local else full + local


def tgi_budget(
    facts: ModelFacts,
    case: FitCase,
    profile: EngineProfile,
    settings: Settings,
    weights_gib: float,
    total_gib: float,
    gpu: Gpu | None,
) -> Budget:
    """Cache memory after the warm-up of Text Generation Inference."""
    fraction = case.gpu_memory_utilization or 1.0
    tokens_in_prefill = case.max_num_batched_tokens or TGI_PREFILL_TOKENS
    batch = Batch(
        tokens=tokens_in_prefill, sequences=1, length=settings.max_model_len, tp=settings.tp, ep=settings.ep, eager=True
    )
    peak = activation_peak(facts, batch, profile)
    other = cuda_context_gib(gpu) + _nccl(settings, gpu)
    limit = total_gib * fraction
    available = (limit - weights_gib - other - peak.total / GIB) * TGI_SHARE
    specs = cache_specs(facts, tp=settings.tp, kv_bytes=settings.kv_element_bytes, state_bytes=2)
    cell = sum(spec.token_bytes for spec in specs)
    tokens = max(0, int(available * GIB // cell)) if cell else 0
    length = settings.max_model_len
    if tokens <= 0:
        verdict = Verdict(
            fits=False,
            code="LLM_MEM_2",
            text=f"nothing is left for the cache: {-available:.2f} GiB too little after weights and warm-up",
            engine_error=messages.TGI_NO_MEMORY,
        )
    elif case.max_model_len and tokens < length:
        verdict = Verdict(
            fits=False,
            code="LLM_MEM_3",
            text=f"one request of {length} tokens does not fit the cache of {tokens} tokens",
            engine_error=messages.TGI_NO_MEMORY,
        )
    else:
        verdict = Verdict(
            fits=True, code="LLM_MEM_0", text=f"starts with {available:.2f} GiB of cache, {tokens} tokens"
        )
    return Budget(
        total=total_gib,
        limit=limit,
        weights=weights_gib,
        activation=peak.total / GIB,
        non_torch=other,
        graphs=0.0,
        available=available,
        tokens=tokens,
        concurrency=tokens / length,
        longest=min(length, tokens),
        verdict=verdict,
        explain=(
            f"budget {limit:.2f} GiB: {total_gib:.2f} GiB that the driver reports x {fraction}",
            f"warm-up {peak.total / GIB:.2f} GiB at {tokens_in_prefill} tokens",
            f"cache {available:.2f} GiB: {TGI_SHARE:.0%} of what weights, warm-up and context leave",
        ),
    )
