"""One configuration to its memory, per GPU: `estimate` is pure, `fit_case` looks the model up."""

from __future__ import annotations

from llminfra.catalog.gpus import Gpu, find_gpu
from llminfra.catalog.models import ModelConfigError, ModelFacts, load_model, suggest
from llminfra.planning.memory import messages
from llminfra.planning.memory.activation import activation_peak
from llminfra.planning.memory.case import FitCase, FitResult
from llminfra.planning.memory.divisibility import divisibility_findings
from llminfra.planning.memory.engine_profile import EngineProfile, resolve_version, vllm_profile
from llminfra.planning.memory.kv_plan import CachePlan, plan_cache
from llminfra.planning.memory.kv_specs import cache_specs
from llminfra.planning.memory.overhead import GIB, cuda_graph_gib, non_torch_gib
from llminfra.planning.memory.settings import Settings, resolve
from llminfra.planning.memory.weights import Shards, WeightBytes, pipeline_ranges, rank_weights


def fit_case(case: FitCase) -> FitResult:
    """Memory of ``case``; an unknown model or a config without shapes becomes a result with ``error``."""
    try:
        facts = facts_for(case)
    except ModelConfigError as error:
        return FitResult(id=case.id, model=case.model, reason=f"LLM_FIT_9: {error}", error=str(error))
    if facts is None:
        names = ", ".join(suggest(case.model or case.config_ref or ""))
        text = (
            f"unknown model {case.model!r}: name a catalog model"
            + (f" (close: {names})" if names else "")
            + ", give `config_ref` with the catalog model whose architecture it shares, or give its config.json as"
            " `config`"
        )
        return FitResult(id=case.id, model=case.model, reason=f"LLM_FIT_9: {text}", error=text)
    return estimate(facts, case)


def facts_for(case: FitCase) -> ModelFacts | None:
    """Facts of the case's model: its own config, the catalog entry, or the entry it refers to."""
    if case.config is not None:
        return ModelFacts.from_hf_config(case.config, model_id=case.model or "config.json")
    return load_model(case.model) or (load_model(case.config_ref) if case.config_ref else None)


def estimate(facts: ModelFacts, case: FitCase) -> FitResult:
    """Memory of one rank under ``case``, and whether the engine starts."""
    version, given = resolve_version(case.engine_version)
    profile = vllm_profile(version)
    gpu = find_gpu(case.gpu) if case.gpu else None
    total = case.total_gpu_gib or (gpu.memory_gib if gpu else None)
    settings = resolve(facts, case, profile, gpu, total)
    shards = Shards(tp=settings.tp, pp=settings.pp, ep=settings.ep, capability=gpu.capability if gpu else 0)
    stages = rank_weights(facts, settings.quant, shards, dtype=settings.dtype, with_mtp=settings.with_mtp)
    weights = max(stages, key=lambda item: item.total)
    plan = cache_plan(facts, profile, settings)
    length, batched = settings.max_model_len, settings.max_num_batched_tokens
    explain = _explain(facts, case, profile, settings, weights, plan, gpu, given=given)
    findings = tuple(
        str(item)
        for item in divisibility_findings(facts, settings.tp, settings.pp, ep=settings.ep, quant=settings.quant)
    )
    common = {
        "id": case.id,
        "model": case.model or facts.model_id,
        "weights_gib_per_gpu": round(weights.total / GIB, 4),
        "kv_bytes_per_token_per_gpu": round(plan.bytes_per_token(length, batched), 2),
        "kv_needed_gib": round(plan.needed_bytes(length, batched) / GIB, 4),
        "gpu_memory_utilization": settings.utilization,
        "tensor_parallel": settings.tp,
        "pipeline_parallel": settings.pp,
        "max_model_len": length,
        "max_num_seqs": settings.max_num_seqs,
        "max_num_batched_tokens": batched,
        "block_size": plan.block_size,
        "kv_cache_dtype": settings.kv_cache_dtype,
        "quantization": settings.quant.method if settings.quant else None,
        "engine": case.engine,
        "engine_version": case.engine_version or ".".join(str(part) for part in version),
        "findings": findings,
    }
    if total is None:
        reason = "LLM_FIT_0: no GPU named, so only weights and cache bytes per token are known"
        return FitResult(**common, reason=reason, explain=(*explain, "no gpu: no verdict"))
    peak = activation_peak(
        facts, tokens=batched, sequences=settings.max_num_seqs, tp=settings.tp, ep=settings.ep, sampler=profile.sampler
    )
    other = non_torch_gib(profile, settings, gpu)
    graphs = cuda_graph_gib(facts, profile, settings)
    budget = total * settings.utilization
    reserved_graphs = graphs if profile.reserves_cuda_graphs else 0.0
    available = budget - weights.total / GIB - peak.total / GIB - other - reserved_graphs
    blocks = plan.blocks(available * GIB)
    tokens = plan.tokens(blocks, length, batched)
    concurrency = plan.concurrency(blocks, length, batched)
    usable = available - (plan.bytes_per_block / GIB if profile.null_block else 0.0)
    needed = plan.needed_bytes(length, batched) / GIB
    longest = plan.longest(usable * GIB, length, batched)
    fits, reason, error = _verdict(profile, total, weights, available, usable, needed, longest, tokens, length, plan)
    explain += (
        f"budget {budget:.2f} GiB: {total:.2f} GiB that the driver reports x {settings.utilization}",
        f"activation peak {peak.total / GIB:.2f} GiB: forward {peak.forward / GIB:.2f} at {batched} tokens, sampler "
        f"{peak.sampler / GIB:.2f} at {settings.max_num_seqs} sequences ({profile.sampler}), encoder {peak.encoder / GIB:.2f}",
        f"non-torch {other:.2f} GiB: libraries"
        + (", CUDA context" if profile.context_in_non_torch else "")
        + (", NCCL" if settings.tp * settings.pp > 1 else ""),
        f"CUDA graphs {graphs:.2f} GiB: "
        + ("inside the budget" if profile.reserves_cuda_graphs else "beside the budget"),
        f"cache {available:.2f} GiB: budget less the above",
    )
    return FitResult(
        **common,
        fits=fits,
        reason=reason,
        engine_error=error,
        kv_cache_memory_gib=round(available, 4),
        kv_cache_tokens=tokens,
        max_concurrency=round(concurrency, 2),
        estimated_max_len=None if fits else longest,
        non_torch_gib=round(other, 4),
        activation_peak_gib=round(peak.total / GIB, 4),
        cuda_graph_gib=round(graphs, 4),
        total_gpu_gib=total,
        budget_gib=round(budget, 4),
        explain=explain,
    )


def cache_plan(facts: ModelFacts, profile: EngineProfile, settings: Settings) -> CachePlan:
    """Cache layout of the pipeline stage with the most cache."""
    specs = cache_specs(
        facts,
        tp=settings.tp,
        kv_bytes=settings.kv_element_bytes,
        state_bytes=2,
        context_ranks=settings.context_ranks,
        with_mtp=settings.with_mtp,
    )
    if settings.pp > 1 and len(specs) == facts.num_layers:
        widest = max(pipeline_ranges(facts.num_layers, settings.pp), key=len)
        specs = specs[widest.start : widest.stop]
    hybrid = profile.hybrid_manager
    if any(layer.mixer is not None and getattr(layer.mixer, "chunk", None) for layer in facts.layers):
        hybrid = hybrid and profile.chunked_hybrid
    return plan_cache(
        specs,
        block_size=settings.block_size,
        hybrid_manager=hybrid,
        by_concurrency=profile.tokens_by_concurrency,
        group_slack=profile.group_slack,
    )


def _verdict(
    profile: EngineProfile,
    total: float,
    weights: WeightBytes,
    available: float,
    usable: float,
    needed: float,
    longest: int,
    tokens: int,
    length: int,
    plan: CachePlan,
) -> tuple[bool, str, str | None]:
    weights_gib = weights.total / GIB
    if weights_gib > total - 0.5:
        error = messages.out_of_memory(total)
        text = f"the weights take {weights_gib:.2f} GiB of the {total:.2f} GiB that the GPU has"
        return False, f"LLM_FIT_1: {text}", error
    if available <= 0:
        text = f"nothing is left for the cache: {-available:.2f} GiB too little after weights and activations"
        return False, f"LLM_FIT_2: {text}", messages.no_blocks(profile)
    if plan.groups and needed > usable:
        error = messages.too_long(profile, length, needed, available, longest, tokens)
        text = f"one request of {length} tokens needs {needed:.2f} GiB of cache and {usable:.2f} GiB are left"
        if longest:
            text += f"; up to {longest} tokens would start"
        return False, f"LLM_FIT_3: {text}", error
    return True, f"LLM_FIT_0: starts with {available:.2f} GiB of cache, {tokens} tokens", None


def _explain(
    facts: ModelFacts,
    case: FitCase,
    profile: EngineProfile,
    settings: Settings,
    weights: WeightBytes,
    plan: CachePlan,
    gpu: Gpu | None,
    *,
    given: bool,
) -> tuple[str, ...]:
    parts = ", ".join(f"{kind.value} {amount / GIB:.2f}" for kind, amount in sorted(weights.by_kind.items()))
    release = ".".join(str(part) for part in profile.version)
    lines = [
        f"model: {facts.num_layers} layers, hidden {facts.hidden_size}, vocabulary {facts.vocab_size}"
        + (f", from {facts.source}" if facts.source else "")
        + ("" if facts.verified else " (from memory, not read from a source)"),
        f"engine {case.engine} {release}" + ("" if given else " assumed: no release is named"),
        f"weights {weights.total / GIB:.2f} GiB on the fullest rank of tp {settings.tp} x pp {settings.pp}"
        + (f", experts over {settings.ep}" if settings.ep > 1 else "")
        + f": {parts}"
        + (f"; {settings.quant.method} quantization" if settings.quant else f"; {settings.dtype}"),
        f"cache {plan.bytes_per_token(settings.max_model_len, settings.max_num_batched_tokens):.0f} bytes per token in "
        f"{len(plan.groups)} group(s) of pages of {plan.block_size} tokens, {settings.kv_cache_dtype} elements",
    ]
    if gpu is not None and case.total_gpu_gib is None:
        lines.append(f"GPU {gpu.product}: {gpu.memory_gib} GiB ({gpu.memory_source})")
    return (*lines, *settings.notes)
