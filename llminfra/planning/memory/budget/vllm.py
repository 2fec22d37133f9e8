"""What is left for the cache, and whether the engine starts: vLLM's arithmetic."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.gpus import ASSUMED_MULTIPROCESSORS, Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.quantization import WeightFormat
from llminfra.planning.memory.beside.draft_bytes import drafting_peak, given_bytes
from llminfra.planning.memory.beside.loaded import Loaded
from llminfra.planning.memory.budget.doubt import doubt_of
from llminfra.planning.memory.budget.expert_choice import experts_line, experts_of
from llminfra.planning.memory.budget.later import later_bytes
from llminfra.planning.memory.budget.verdict import Found, Verdict, vllm_verdict
from llminfra.planning.memory.cache.kv_plan import CachePlan
from llminfra.planning.memory.cache.kv_specs import CacheKind, cache_specs
from llminfra.planning.memory.peak.activation import ActivationPeak, activation_peak, is_compressed
from llminfra.planning.memory.peak.expert_kernels import Experts
from llminfra.planning.memory.peak.forward_peak import Batch, Products, held_by_all_reduce, mla_workspace
from llminfra.planning.memory.peak.fused_allreduce import fused_allreduce_gib
from llminfra.planning.memory.peak.overhead import (
    FABRIC_CAPABILITY,
    GIB,
    cublas_bytes,
    cublas_workspace,
    cuda_context_gib,
    cuda_graph_gib,
    nccl_before_baseline_gib,
    non_torch_gib,
)
from llminfra.planning.memory.peak.trial_kernels import trial_bytes
from llminfra.planning.memory.releases.attention_backend import captures_attention, flashinfer_gib
from llminfra.planning.memory.releases.engine_profile import EngineProfile, engine_data
from llminfra.planning.memory.releases.model_runner import sampler_state_bytes
from llminfra.planning.memory.releases.settings import Settings

CONTEXT = "CUDA context"
WORTH_GIB = 0.1
"""What later starts must have more of, to be told."""
TRITON_SAMPLES_FROM = 8
"""Sequences from which Triton's kernel picks the likeliest tokens: topk_topp_sampler.py 0.27.0-0.33.0."""

SAMPLER_WORDS = {"copy": "greedy, logits copied to fp32", "raw": "greedy"}


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
        tokens: As the engine prints them; None where it has no cache.
        tokens_at_least: The same where the estimate is too high by all of ``doubt``.
        doubt: How far ``available`` may be too high (`budget.doubt`).
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
    tokens: int | None
    tokens_at_least: int | None
    doubt: float
    concurrency: float
    longest: int
    verdict: Verdict
    explain: tuple[str, ...]
    later: float | None = None


def vllm_budget(
    facts: ModelFacts,
    profile: EngineProfile,
    settings: Settings,
    plan: CachePlan,
    stage_weights_gib: tuple[float, ...],
    total_gib: float,
    gpu: Gpu | None,
    loading_gib: float,
    items: int = 0,
    beside: Loaded | None = None,
) -> Budget:
    """Cache memory as vLLM's profiling run finds it, on the pipeline stage with the fewest blocks.

    The engine gives every stage the smallest number of blocks of all (``get_kv_cache_configs``). ``items`` is the most
    images of one request, 0 where nothing limits them; ``beside`` is what is loaded beside the model.
    """
    length, batched = settings.max_model_len, settings.in_flight_tokens
    beside = beside or Loaded()
    batch = replace(profiling_batch(facts, settings, profile, gpu), items=items, block=plan.block_size)
    if beside.adapters:
        # Their matrices are small and share segments: which blocks they leave is not known (`pinned_copy`).
        batch = replace(batch, products=Products.UNKNOWN, sampler_rows=0)
    peak = _with_beside(activation_peak(facts, batch, profile), beside, batch, profile)
    other = non_torch_gib(profile, settings, gpu, compressed=is_compressed(facts))
    fused = fused_allreduce_gib(facts, profile, settings, gpu)
    other += fused
    weights_gib = max(stage_weights_gib)
    held = held_gib(facts, batch, profile, settings, total_gib - weights_gib - other - peak.total / GIB)
    graphs = cuda_graph_gib(facts, profile, settings, gpu)
    states = sampler_state_bytes(facts, profile, settings) / GIB
    other += states if profile.counts_consumed else 0.0
    stays = peak.stays / GIB
    trials = trial_bytes(facts, profile, gpu, tried=settings.compiled) / GIB
    other += trials
    limit = total_gib * settings.utilization
    activation = peak.total / GIB + held + stays
    left = limit - activation - other - (graphs if profile.reserves_cuda_graphs else 0.0)
    binding = min(
        (stage for stage in range(settings.pp)),
        key=lambda stage: _blocks(plan.of_stage(stage), left - stage_weights_gib[stage], fallback=stage),
    )
    available, plan = left - stage_weights_gib[binding], plan.of_stage(binding)
    blocks = plan.blocks(available * GIB)
    usable = available - (plan.bytes_per_block / GIB if profile.null_block else 0.0)
    checked = plan.of_all_stages() if profile.checks_all_stages else plan
    longest = checked.longest(usable * GIB, length, batched)
    tokens = plan.tokens(blocks, length, batched)
    needed_later = later_bytes(facts, profile, settings, batch, peak) / GIB
    around = beside_gib(facts, profile, settings, batch, gpu, graphs, max(0.0, needed_later - activation))
    fewest = stage_weights_gib[binding]
    where_found = (
        f", on the stage with the fewest pages, whose weights are {fewest:.2f}" if fewest < weights_gib else ""
    )
    unread = weights_gib if settings.unread_layout else 0.0
    doubt = doubt_of(activation, unread_gib=unread, first_gib=peak.may_stay / GIB)
    surely = plan.blocks(max(0.0, available - doubt.gib) * GIB)
    found = Found(
        total=total_gib,
        limit=limit,
        weights=weights_gib,
        loading=loading_gib,
        activation=activation,
        available=available,
        usable=usable,
        needed=checked.needed_bytes(length, batched) / GIB,
        longest=longest,
        tokens=tokens,
        state_blocks=blocks if profile.checks_states and facts.is_hybrid and not settings.eager else None,
        context=context_gib(facts, profile, settings, gpu),
        beside=around,
        idle=max(0.0, peak.total / GIB - needed_later),
        doubt=doubt,
    )
    return Budget(
        total=total_gib,
        limit=limit,
        weights=weights_gib,
        activation=activation,
        non_torch=other,
        graphs=graphs,
        available=available,
        tokens=tokens,
        tokens_at_least=plan.tokens(surely, length, batched),
        doubt=doubt.gib,
        concurrency=plan.concurrency(blocks, length, batched),
        longest=longest,
        verdict=vllm_verdict(profile, settings, plan, found),
        explain=_explain(
            profile,
            settings,
            peak,
            found,
            _Terms(held=held, non_torch=other, trials=trials, states=states, graphs=graphs, fused=fused, stays=stays),
            where_found,
            experts_line(facts, batch) if facts.is_moe and profile.scheduler == "v1" else "",
        ),
        later=available + first if (first := peak.first / GIB + stays + trials) >= WORTH_GIB else None,
    )


def _with_beside(peak: ActivationPeak, beside: Loaded, batch: Batch, profile: EngineProfile) -> ActivationPeak:
    """The peak with a draft's pass over the same tokens and what is kept for it, and the places that are copied."""
    copied = peak.compilation + beside.table + given_bytes(beside.draft_facts, batch) if peak.compilation else 0.0
    drafting = drafting_peak(beside.draft_facts, batch, profile)
    return replace(peak, forward=max(peak.forward, drafting), compilation=copied, kept=peak.kept + beside.buffers)


def beside_gib(
    facts: ModelFacts,
    profile: EngineProfile,
    settings: Settings,
    batch: Batch,
    gpu: Gpu | None,
    graphs: float,
    more: float,
) -> dict[str, float]:
    """What takes memory beside the budget, in GiB by name.

    ``more`` is what steps after the cache was made have at once beyond what the budget set aside for the profiling run.
    """
    states = sampler_state_bytes(facts, profile, settings) / GIB
    workspace = flashinfer_gib(facts, profile, settings, gpu)
    reserved = profile.reserves_cuda_graphs and captures_attention(profile, settings, gpu, workspace)
    return {
        "graphs": 0.0 if profile.reserves_cuda_graphs else graphs,
        CONTEXT: 0.0 if profile.context_in_non_torch else context_gib(facts, profile, settings, gpu),
        "recurrent states": state_pool_gib(facts, profile, settings),
        "counts for penalties": 0.0 if profile.counts_consumed else states,
        "warming up the sampler": more,
        "fragments of MXFP4 kernels": _fragments_gib(settings, profile, gpu),
        "FlashInfer's workspace": 0.0 if reserved else workspace,
        "context of latent attention": mla_workspace(facts, batch, profile) / GIB,
    }


def context_gib(facts: ModelFacts, profile: EngineProfile, settings: Settings, gpu: Gpu | None) -> float:
    """What is on the device before the engine first looks at it."""
    return cuda_context_gib(gpu) + nccl_before_baseline_gib(facts, settings, gpu, profile)


def _fragments_gib(settings: Settings, profile: EngineProfile, gpu: Gpu | None) -> float:
    """What the allocator cannot give to the sampler once Triton's kernels for MXFP4 have warmed up."""
    method = settings.quant.method if settings.quant is not None else ""
    if method != "mxfp4" or not profile.triton_mxfp4 or gpu is None or gpu.capability != FABRIC_CAPABILITY:
        return 0.0
    return float(engine_data()["overheads"]["mxfp4_fragments_gib"]) / settings.tp


def _blocks(plan: CachePlan, available_gib: float, *, fallback: int) -> tuple[float, float, int]:
    """Order of stages: those without a cache last, then by blocks, then by memory."""
    if plan.bytes_per_block <= 0:
        return float("inf"), available_gib, fallback
    return available_gib * GIB / plan.bytes_per_block, available_gib, fallback


def profiling_batch(facts: ModelFacts, settings: Settings, profile: EngineProfile, gpu: Gpu | None) -> Batch:
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
        dp=settings.dp,
        # Marlin's experts take all tokens at once: fused_marlin_moe.py 0.9.2-0.12.
        expert_rows=0 if _is_int4(settings) else profile.expert_rows,
        block=settings.block_size,
        element=settings.element_bytes,
        eager=settings.eager or profile.scheduler == "v0",
        compiled=settings.compiled,
        awq=method == "awq",
        multiprocessors=gpu.multiprocessors if gpu else ASSUMED_MULTIPROCESSORS,
        libraries=cublas_bytes(gpu) if profile.scheduler == "v1" else 0,
        products=_products(settings, profile),
        workspace_bytes=cublas_workspace(gpu),
        sampler_rows=_sampler_rows(settings, profile, gpu),
        guesses=settings.drafted > 0,
        experts=Experts() if triton_mxfp4 else experts_of(facts, settings, profile, gpu),
    )


def _products(settings: Settings, profile: EngineProfile) -> Products:
    """What multiplies by the layers' matrices, where one rank of the second runner serves a model alone."""
    if not profile.runs_v2 or settings.pp > 1 or settings.drafted:
        return Products.UNKNOWN
    if settings.quant is None:
        return Products.CUBLAS
    return Products.MARLIN if _is_int4(settings) else Products.UNKNOWN


def _sampler_rows(settings: Settings, profile: EngineProfile, gpu: Gpu | None) -> int:
    """Rows of the buffer of ``apply_top_k_top_p_triton``, topk_topp_triton.py 0.27.0-0.33.0, with the first runner."""
    if profile.runs_v2 or not profile.counts_consumed or settings.pp > 1 or settings.drafted:
        return 0
    if settings.max_num_seqs < TRITON_SAMPLES_FROM:
        return 0
    multiprocessors = gpu.multiprocessors if gpu else ASSUMED_MULTIPROCESSORS
    programs = min(multiprocessors, settings.max_num_seqs)
    return min(1 << (programs - 1).bit_length(), multiprocessors)


def _is_int4(settings: Settings) -> bool:
    quant = settings.quant
    return quant is not None and any(rule.scheme.format is WeightFormat.INT4 for rule in quant.rules)


def held_gib(facts: ModelFacts, batch: Batch, profile: EngineProfile, settings: Settings, free_gib: float) -> float:
    """Tensors that releases 0.2.4 and 0.2.5 keep for every all-reduce of the profiling run."""
    if not profile.records_streams:
        return 0.0
    held = held_by_all_reduce(facts, batch, settings.pp) / GIB
    # Past the end of the device the allocator frees and goes on, and shapes do not tell what is left then.
    return held if held <= free_gib else profile.parallel_reserve_gib


def state_pool_gib(facts: ModelFacts, profile: EngineProfile, settings: Settings) -> float:
    """Recurrent states that the V0 engine keeps outside the cache: one per sequence, for every layer."""
    if not facts.is_hybrid or not profile.states_outside:
        return 0.0
    specs = cache_specs(facts, tp=settings.tp, kv_bytes=settings.kv_element_bytes, state_bytes=2)
    states = sum(spec.token_bytes for spec in specs if spec.kind is CacheKind.STATE)
    return states * settings.max_num_seqs / GIB


class _Terms(Struct, frozen=True, kw_only=True):
    """Terms of the budget in GiB: tensors that are held, what is not PyTorch's, its parts by name, captured graphs."""

    held: float
    non_torch: float
    trials: float
    states: float
    graphs: float
    fused: float
    stays: float


def _explain(
    profile: EngineProfile,
    settings: Settings,
    peak: ActivationPeak,
    found: Found,
    terms: _Terms,
    where_found: str,
    experts: str,
) -> tuple[str, ...]:
    context = ", CUDA context" if profile.context_in_non_torch else ""
    nccl = ", NCCL" if settings.tp * settings.pp * settings.dp > 1 else ""
    counts = f", {terms.states:.2f} of counts for penalties" if terms.states and profile.counts_consumed else ""
    tried = f", {terms.trials:.2f} that trials of Triton's kernels leave (on a first start)" if terms.trials else ""
    fused = f", {terms.fused:.2f} of fused all-reduce" if terms.fused else ""
    where = "inside the budget" if profile.reserves_cuda_graphs else "beside the budget"
    images = f"encoder {peak.encoder / GIB:.2f}" if profile.profiles_encoder else "images not tried"
    if peak.compilation:
        images += f", compiling {peak.compilation / GIB:.2f} (on a first start)"
    phases = (
        f"activation peak {peak.total / GIB:.2f} GiB: the largest of forward {peak.forward / GIB:.2f}"
        f" ({settings.max_num_batched_tokens} tokens), sampler {peak.sampler / GIB:.2f}"
        f" ({settings.max_num_seqs} sequences, {SAMPLER_WORDS.get(profile.sampler, profile.sampler)}), {images}"
    )
    lines = [
        f"budget {found.limit:.2f} GiB: {found.total:.2f} GiB that the driver reports x {settings.utilization}",
        phases,
        f"non-torch {terms.non_torch:.2f} GiB: libraries{context}{nccl}{fused}{counts}{tried}",
        f"CUDA graphs {terms.graphs:.2f} GiB, {where}",
        f"cache {found.available:.2f} GiB: the budget less all of these{where_found}",
    ]
    if experts:
        lines.insert(2, experts)
    if profile.runs_v2:
        lines.insert(0, "model runner V2: this release runs the model with vLLM's second runner")
    if terms.held:
        lines.append(f"all-reduced tensors {terms.held:.2f} GiB: this release keeps them until the profiling run ends")
    if terms.stays:
        lines.append(f"compiler's copy {terms.stays:.2f} GiB: it stays reserved beside the peak (on a first start)")
    if found.doubt.first:
        lines.append(
            f"up to {found.doubt.first:.2f} GiB less on a first start, where the compiler's copy stays reserved"
        )
    parts = {name: gib for name, gib in found.beside.items() if gib > 0 and name not in {"graphs", CONTEXT}}
    lines += [f"{name} {gib:.2f} GiB, outside the budget" for name, gib in parts.items()]
    return tuple(lines)
