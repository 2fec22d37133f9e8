"""What is left for the cache, and whether the engine starts: vLLM's arithmetic."""

from __future__ import annotations

from msgspec import Struct

from llminfra.catalog.gpus import ASSUMED_MULTIPROCESSORS, Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory import messages
from llminfra.planning.memory.activation import ActivationPeak, activation_peak
from llminfra.planning.memory.engine_profile import EngineProfile, engine_data
from llminfra.planning.memory.forward_peak import Batch, held_by_all_reduce
from llminfra.planning.memory.kv_plan import CachePlan
from llminfra.planning.memory.kv_specs import CacheKind, cache_specs
from llminfra.planning.memory.overhead import (
    FABRIC_CAPABILITY,
    GIB,
    cublas_bytes,
    cuda_graph_gib,
    nccl_before_baseline_gib,
    non_torch_gib,
)
from llminfra.planning.memory.settings import Settings

ERROR_GIB, ERROR_OF_ACTIVATION = 0.4, 0.2
"""How far the cache may be overestimated: no measured start-up that states release and settings is further off, but for
those whose miss docs/memory.md explains."""
TIGHT = "LLM_MEM_6"


class Verdict(Struct, frozen=True, kw_only=True):
    """Whether the engine starts.

    Attributes:
        fits: It does.
        code: ``LLM_MEM_0`` when it does, ``LLM_MEM_6`` when by less than the estimate may be wrong; see the
            functions for the others.
        text: One sentence.
        engine_error: What the engine would print, None when it starts.
    """

    fits: bool
    code: str
    text: str
    engine_error: str | None = None

    @property
    def reason(self) -> str:
        """Code and sentence."""
        return f"{self.code}: {self.text}"


class Budget(Struct, frozen=True, kw_only=True):
    """Memory of one rank, in GiB.

    Attributes:
        total: What the driver reports.
        limit: What the engine may use.
        weights: Largest rank.
        activation: Peak of the profiling run.
        non_torch: Libraries, NCCL.
        graphs: Captured graphs.
        available: Left for the cache.
        tokens: As the engine prints them.
        concurrency: Requests of the context length.
        longest: Longest request that fits.
        verdict: Whether it starts.
        explain: Lines for the reader.
    """

    total: float
    limit: float
    weights: float
    activation: float
    non_torch: float
    graphs: float
    available: float
    tokens: int
    concurrency: float
    longest: int
    verdict: Verdict
    explain: tuple[str, ...]


def vllm_budget(
    facts: ModelFacts,
    profile: EngineProfile,
    settings: Settings,
    plan: CachePlan,
    stage_weights_gib: tuple[float, ...],
    total_gib: float,
    gpu: Gpu | None,
) -> Budget:
    """Cache memory as vLLM's profiling run finds it, on the pipeline stage with the fewest blocks.

    The engine gives every stage the smallest number of blocks of all (``get_kv_cache_configs``).
    """
    length, batched = settings.max_model_len, settings.in_flight_tokens
    batch = profiling_batch(settings, profile, gpu)
    peak = activation_peak(facts, batch, profile)
    other = non_torch_gib(profile, settings, gpu)
    weights_gib = max(stage_weights_gib)
    held = held_gib(facts, batch, profile, settings, total_gib - weights_gib - other - peak.total / GIB)
    graphs = cuda_graph_gib(facts, profile, settings)
    limit = total_gib * settings.utilization
    activation = peak.total / GIB + held
    left = limit - activation - other - (graphs if profile.reserves_cuda_graphs else 0.0)
    binding = min(
        (stage for stage in range(settings.pp)),
        key=lambda stage: _blocks(plan.of_stage(stage), left - stage_weights_gib[stage], fallback=stage),
    )
    available, plan = left - stage_weights_gib[binding], plan.of_stage(binding)
    blocks = plan.blocks(available * GIB)
    usable = available - (plan.bytes_per_block / GIB if profile.null_block else 0.0)
    longest = plan.longest(usable * GIB, length, batched)
    tokens = plan.tokens(blocks, length, batched)
    pool = state_pool_gib(facts, profile, settings)
    return Budget(
        total=total_gib,
        limit=limit,
        weights=weights_gib,
        activation=activation,
        non_torch=other,
        graphs=graphs,
        available=available,
        tokens=tokens,
        concurrency=plan.concurrency(blocks, length, batched),
        longest=longest,
        verdict=_vllm_verdict(
            profile,
            settings,
            plan,
            total_gib,
            limit,
            weights_gib,
            available,
            usable,
            longest,
            tokens,
            graphs,
            pool,
            nccl_before_baseline_gib(settings, gpu, profile),
            ERROR_GIB + ERROR_OF_ACTIVATION * activation,
        ),
        explain=_explain(profile, settings, peak, held, total_gib, limit, other, graphs, available, pool),
    )


def _blocks(plan: CachePlan, available_gib: float, *, fallback: int) -> tuple[float, float, int]:
    """Order of stages: those without a cache last, then by blocks, then by memory."""
    if plan.bytes_per_block <= 0:
        return float("inf"), available_gib, fallback
    return available_gib * GIB / plan.bytes_per_block, available_gib, fallback


def profiling_batch(settings: Settings, profile: EngineProfile, gpu: Gpu | None) -> Batch:
    """What the profiling run pushes through one rank."""
    method = settings.quant.method if settings.quant is not None else ""
    # Triton's kernel for MXFP4 (gpt_oss_triton_kernels_moe.py) has buffers of its own: the peak that 0.19 prints on an
    # H100, 2.87 GiB, is that of the sampler alone.
    triton_mxfp4 = method == "mxfp4" and profile.triton_mxfp4 and (gpu is None or gpu.capability == FABRIC_CAPABILITY)
    return Batch(
        tokens=settings.max_num_batched_tokens,
        sequences=settings.max_num_seqs,
        length=settings.max_model_len,
        tp=settings.tp,
        ep=settings.ep,
        block=settings.block_size,
        eager=settings.eager or profile.scheduler == "v0",
        awq=method == "awq",
        multiprocessors=gpu.multiprocessors if gpu else ASSUMED_MULTIPROCESSORS,
        libraries=cublas_bytes(gpu) if profile.scheduler == "v1" else 0,
        workspace=profile.keeps_workspace and not triton_mxfp4,
    )


def held_gib(facts: ModelFacts, batch: Batch, profile: EngineProfile, settings: Settings, free_gib: float) -> float:
    """Tensors that releases 0.2.4 and 0.2.5 keep for every all-reduce of the profiling run."""
    if not profile.records_streams:
        return 0.0
    held = held_by_all_reduce(facts, batch, settings.pp) / GIB
    # Past the end of the device the allocator frees and goes on, and shapes do not tell what is left then.
    return held if held <= free_gib else profile.parallel_reserve_gib


def state_pool_gib(facts: ModelFacts, profile: EngineProfile, settings: Settings) -> float:
    """Recurrent states that engines before 0.10.2 keep outside the cache: one per sequence, for every layer."""
    if not facts.is_hybrid or profile.version >= (0, 10, 2):
        return 0.0
    specs = cache_specs(facts, tp=settings.tp, kv_bytes=settings.kv_element_bytes, state_bytes=2)
    states = sum(spec.token_bytes for spec in specs if spec.kind is CacheKind.STATE)
    return states * settings.max_num_seqs / GIB


def _vllm_verdict(
    profile: EngineProfile,
    settings: Settings,
    plan: CachePlan,
    total: float,
    limit: float,
    weights: float,
    available: float,
    usable: float,
    longest: int,
    tokens: int,
    graphs: float,
    pool: float,
    communicators: float,
    off_by: float,
) -> Verdict:
    length = settings.max_model_len
    needed = plan.needed_bytes(length, settings.in_flight_tokens) / GIB
    context = engine_data()["overheads"]["cuda_context_gib"] + communicators
    if weights > total - context:
        text = f"the weights take {weights:.2f} GiB of the {total:.2f} GiB that the GPU has"
        return Verdict(fits=False, code="LLM_MEM_1", text=text, engine_error=messages.out_of_memory(total))
    if available <= 0:
        text = f"nothing is left for the cache: {-available:.2f} GiB too little after weights and activations"
        return Verdict(fits=False, code="LLM_MEM_2", text=text, engine_error=messages.no_blocks(profile))
    if plan.groups and profile.checks_length and needed > usable:
        text = f"one request of {length} tokens needs {needed:.2f} GiB of cache and {usable:.2f} GiB are left"
        if longest:
            text += f"; up to {longest} tokens would start"
        error = messages.too_long(profile, length, needed, available, longest, tokens)
        return Verdict(fits=False, code="LLM_MEM_3", text=text, engine_error=error)
    if limit > total - context and profile.version >= (0, 9, 1):
        text = (
            f"gpu_memory_utilization {settings.utilization} asks for {limit:.2f} GiB and the CUDA context leaves less"
        )
        error = messages.not_free(total - context, total, settings.utilization, limit)
        return Verdict(fits=False, code="LLM_MEM_4", text=text, engine_error=error)
    beside = context + pool + (0.0 if profile.reserves_cuda_graphs else graphs)
    if limit + beside > total:
        text = (
            f"graphs, CUDA context and recurrent states take {beside:.2f} GiB beside the budget of {limit:.2f} GiB,"
            f" and the GPU has {total:.2f} GiB"
        )
        return Verdict(fits=False, code="LLM_MEM_5", text=text, engine_error=messages.out_of_memory(total))
    starts = f"starts with {available:.2f} GiB of cache, {tokens} tokens"
    spare = usable - (needed if plan.groups and profile.checks_length else 0.0)
    if spare < off_by:
        text = f"{starts}, but tightly: {spare:.2f} GiB are spare and the estimate may be {off_by:.2f} GiB too high"
        return Verdict(fits=True, code=TIGHT, text=text)
    beside_gib = total - limit - beside
    if beside_gib < ERROR_GIB and profile.checks_length:
        text = f"{starts}, but tightly: {beside_gib:.2f} GiB of the device are left beside the budget"
        return Verdict(fits=True, code=TIGHT, text=text)
    return Verdict(fits=True, code="LLM_MEM_0", text=starts)


def _explain(
    profile: EngineProfile,
    settings: Settings,
    peak: ActivationPeak,
    held: float,
    total: float,
    limit: float,
    other: float,
    graphs: float,
    available: float,
    pool: float,
) -> tuple[str, ...]:
    context = ", CUDA context" if profile.context_in_non_torch else ""
    nccl = ", NCCL" if settings.tp * settings.pp > 1 else ""
    where = "inside the budget" if profile.reserves_cuda_graphs else "beside the budget"
    phases = (
        f"activation peak {peak.total / GIB:.2f} GiB: the largest of forward {peak.forward / GIB:.2f}"
        f" ({settings.max_num_batched_tokens} tokens), sampler {peak.sampler / GIB:.2f}"
        f" ({settings.max_num_seqs} sequences, {profile.sampler}), encoder {peak.encoder / GIB:.2f}"
    )
    lines = [
        f"budget {limit:.2f} GiB: {total:.2f} GiB that the driver reports x {settings.utilization}",
        phases,
        f"non-torch {other:.2f} GiB: libraries{context}{nccl}",
        f"CUDA graphs {graphs:.2f} GiB, {where}",
        f"cache {available:.2f} GiB: the budget less all of these",
    ]
    if held:
        lines.append(f"all-reduced tensors {held:.2f} GiB: this release keeps them until the profiling run ends")
    if pool:
        lines.append(f"recurrent states {pool:.2f} GiB for {settings.max_num_seqs} sequences, outside the budget")
    return tuple(lines)
