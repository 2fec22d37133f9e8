"""What is left for the cache in Text Generation Inference.

It takes 95 % of what its warm-up leaves (``server/text_generation_server/models/flash_causal_lm.py``,
``TGI_WIGGLE_ROOM``).
"""

from __future__ import annotations

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory.budget import messages
from llminfra.planning.memory.budget.verdict import Verdict
from llminfra.planning.memory.budget.vllm import Budget
from llminfra.planning.memory.cache.kv_specs import cache_specs
from llminfra.planning.memory.inputs.case import FitCase
from llminfra.planning.memory.peak.activation import activation_peak
from llminfra.planning.memory.peak.forward_peak import Batch
from llminfra.planning.memory.peak.overhead import GIB, cuda_context_gib, nccl_gib
from llminfra.planning.memory.releases.engine_profile import ASSUMED_RELEASE, EngineProfile, vllm_profile
from llminfra.planning.memory.releases.settings import Settings

TGI_PREFILL_TOKENS = 4096
TGI_SHARE = 0.95


def _nccl(settings: Settings, gpu: Gpu | None) -> float:
    """Communicators in whole: what vLLM counted when it first looked at the device before it made them."""
    return nccl_gib(settings, gpu, vllm_profile(ASSUMED_RELEASE))


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
