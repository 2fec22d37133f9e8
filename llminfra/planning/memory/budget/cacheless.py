"""What a model without a cache takes of the device: weights and the work of a step, and the rest stays free.

vLLM neither profiles such a model nor sets anything aside for it, so ``gpu_memory_utilization`` is only what it checks
to be free at start-up (``request_memory``, vllm/v1/worker/utils.py 0.27.1).
"""

from __future__ import annotations

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory.budget import messages
from llminfra.planning.memory.budget.doubt import base_gib
from llminfra.planning.memory.budget.verdict import TIGHT, Verdict, share_not_free, weights_too_large
from llminfra.planning.memory.budget.vllm import Budget, profiling_batch
from llminfra.planning.memory.peak.activation import activation_peak
from llminfra.planning.memory.peak.overhead import (
    GIB,
    cuda_context_gib,
    cuda_graph_gib,
    nccl_before_baseline_gib,
    non_torch_gib,
)
from llminfra.planning.memory.releases.engine_profile import EngineProfile
from llminfra.planning.memory.releases.settings import Settings

LOWERED = 0.9
"""Below every release's default: somebody shares the device out."""


def cacheless_budget(
    facts: ModelFacts,
    profile: EngineProfile,
    settings: Settings,
    weights_gib: float,
    total_gib: float,
    gpu: Gpu | None,
) -> Budget:
    """Memory of one rank of a model that keeps nothing between steps."""
    peak = activation_peak(facts, profiling_batch(facts, settings, profile, gpu), profile)
    graphs = cuda_graph_gib(facts, profile, settings, gpu)
    context = cuda_context_gib(gpu) + nccl_before_baseline_gib(facts, settings, gpu, profile)
    libraries = non_torch_gib(profile, settings, gpu, compressed=False)
    other = libraries if profile.context_in_non_torch else libraries + context
    activation = peak.total / GIB
    limit, taken = total_gib * settings.utilization, weights_gib + activation + graphs + other
    verdict = _verdict(profile, settings, total_gib, limit, weights_gib, context, taken)
    batched, length = settings.max_num_batched_tokens, settings.max_model_len
    return Budget(
        total=total_gib,
        limit=limit,
        weights=weights_gib,
        activation=activation,
        non_torch=other,
        graphs=graphs,
        available=0.0,
        tokens=None,
        tokens_at_least=None,
        doubt=base_gib(),
        concurrency=float(settings.max_num_seqs),
        longest=length,
        verdict=verdict,
        explain=(
            f"no cache: {_why(facts, profile)}",
            f"a step: {settings.max_num_seqs:,} inputs, {batched:,} tokens: {max(1, batched // length):,} in full",
            f"activation peak {activation:.2f} GiB: forward {peak.forward / GIB:.2f}, pooler {peak.sampler / GIB:.2f}",
            f"libraries and CUDA context {other:.2f} GiB",
            f"CUDA graphs {graphs:.2f} GiB",
            f"free {total_gib - taken:.2f} GiB of {total_gib:.2f}: nothing is set aside",
            f"gpu_memory_utilization {settings.utilization}: {limit:.2f} GiB must be free when the engine starts",
        ),
    )


def _why(facts: ModelFacts, profile: EngineProfile) -> str:
    if facts.encoder_only:
        return "every token sees the whole input, and nothing is kept for later ones"
    release = ".".join(str(part) for part in profile.version)
    return f"vLLM {release} gives models that answer no text none"


def _verdict(
    profile: EngineProfile,
    settings: Settings,
    total: float,
    limit: float,
    weights: float,
    context: float,
    taken: float,
) -> Verdict:
    if (large := weights_too_large(weights, total, context)) is not None:
        return large
    if taken > total:
        text = (
            f"weights and a step of {settings.max_num_batched_tokens:,} tokens take {taken:.2f} GiB of the"
            f" {total:.2f} GiB that the GPU has; a lower max_model_len or max_num_batched_tokens takes less"
        )
        return Verdict(fits=False, code="LLM_MEM_8", text=text, engine_error=messages.out_of_memory(total))
    if (short := share_not_free(profile, settings, total, context)) is not None:
        return short
    starts = f"starts without a cache: {taken:.2f} GiB are taken, {total - taken:.2f} GiB stay free"
    if taken > limit and settings.utilization < LOWERED:
        text = f"{starts}; that is more than gpu_memory_utilization {settings.utilization}, which does not hold it back"
        return Verdict(fits=True, code=TIGHT, text=text)
    if total - taken < base_gib():
        return Verdict(fits=True, code=TIGHT, text=f"{starts}, which is less than the estimate may be wrong")
    return Verdict(fits=True, code="LLM_MEM_0", text=starts)
