"""One configuration to its memory, per GPU: `estimate` is pure, `fit_case` looks the model up."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from llminfra.catalog.gpu_by_memory import gpu_of_memory
from llminfra.catalog.gpus import find_gpu, gpu_of_stated_size
from llminfra.catalog.models import Attention, ModelConfigError, ModelFacts, load_model, suggest
from llminfra.planning.memory.beside.asked import draft_of, guessed_by, problem, with_tokens
from llminfra.planning.memory.beside.draft_bytes import with_draft_layers
from llminfra.planning.memory.beside.loaded import loaded_beside
from llminfra.planning.memory.budget.cacheless import cacheless_budget
from llminfra.planning.memory.budget.sglang import sglang_budget, with_sglang
from llminfra.planning.memory.budget.tgi import tgi_budget, with_step
from llminfra.planning.memory.budget.vllm import Budget, vllm_budget
from llminfra.planning.memory.cache.kv_plan import CachePlan, plan_cache
from llminfra.planning.memory.cache.kv_specs import layer_specs
from llminfra.planning.memory.explained import explained, release_of
from llminfra.planning.memory.inputs.case import FitCase, FitResult
from llminfra.planning.memory.inputs.reserve import Reserve, with_reserve
from llminfra.planning.memory.peak.activation import is_compressed, is_cross
from llminfra.planning.memory.peak.media import items_of_request, loaded, profiled
from llminfra.planning.memory.peak.overhead import GIB
from llminfra.planning.memory.refusals import on_device, with_refusal
from llminfra.planning.memory.releases.built_indexers import with_built_indexers
from llminfra.planning.memory.releases.engine_profile import (
    ASSUMED_RELEASE,
    ASSUMED_VLLM,
    CONTEXT_COUNTS_UNTIL,
    EARLY_V1,
    FIRST_V1,
    LAST_V0,
    NEW_MODELS,
    TIGHTEST_V0,
    V1_CAPABILITY,
    V1_EVERYWHERE,
    WITHOUT_V0,
    EngineProfile,
    first_release,
    is_release,
    resolve_version,
    rules_of_engine,
    vllm_profile,
)
from llminfra.planning.memory.releases.model_runner import Guessing, runner_rules
from llminfra.planning.memory.releases.pooling import as_task, is_cacheless, unfit
from llminfra.planning.memory.releases.settings import (
    Settings,
    caches_latent,
    clean_id,
    holds_ngrams,
    quantizes_while_loading,
    resolve,
)
from llminfra.planning.memory.releases.sglang_defaults import with_sglang_defaults, with_sparse_layout
from llminfra.planning.memory.releases.sglang_profile import attention_copies, sglang_profile, sglang_release
from llminfra.planning.memory.shapes import GPT_OSS, Shards, pipeline_ranges
from llminfra.planning.memory.stated import no_device
from llminfra.planning.memory.weights.divisibility import divisibility_findings
from llminfra.planning.memory.weights.rank_weights import rank_weights
from llminfra.planning.memory.weights.sglang_weights import add_kernels, own_ends, sglang_shards

KERNEL_BLOCK = 16
"""Attention blocks are multiples of this when raised for recurrent states (vllm/model_executor/models/config.py)."""


def fit_case(case: FitCase) -> FitResult:
    """Memory of ``case``; an unknown model or a config without shapes becomes a result with ``error``.

    A layout that the engine refuses before it looks at memory (`divisibility`) does not fit, on whatever device.
    """
    try:
        facts = facts_for(case)
    except ModelConfigError as error:
        return FitResult(id=case.id, model=case.model, reason=f"LLM_FIT_3: {error}", error=str(error))
    if facts is None:
        names = ", ".join(suggest(case.model or case.config_ref or ""))
        text = (
            f"unknown model {case.model!r}: name a catalog model"
            + (f" (close: {names})" if names else "")
            + ", give `config_ref` with the catalog model whose architecture it shares, or give its config.json as"
            " `config`"
        )
        return FitResult(id=case.id, model=case.model, reason=f"LLM_FIT_3: {text}", error=text)
    made_for = facts if case.task is None else facts_for(case.model_copy(update={"task": None}))
    if made_for is not None and (why := unfit(made_for, case.task)) is not None:
        text = f"LLM_TASK_2: {made_for.model_id} cannot be served to {case.task}: {why}"
        return FitResult(
            id=case.id,
            model=case.model,
            fits=False,
            reason=text,
            engine=case.engine,
            engine_version=case.engine_version,
            findings=(text,),
        )
    if (wrong := problem(facts, case)) is not None:
        return FitResult(id=case.id, model=case.model, reason=wrong, error=wrong, engine=case.engine)
    case = on_device(case)
    sized = case
    if (case.pipeline_parallel or 1) > facts.num_layers:
        # Stages without a layer have no cache to plan; the refusal says so.
        sized = case.model_copy(update={"gpu": None, "total_gpu_gib": None})
    return with_refusal(facts, case, estimate(facts, sized))


def facts_for(case: FitCase) -> ModelFacts | None:
    """Facts of the case's model: its own config, the catalog entry, or the entry it refers to.

    Raises:
        ModelConfigError: The config has no architecture that can be computed.
    """
    if case.config is not None:
        name = case.model or "config.json"
        return as_task(ModelFacts.from_hf_config(case.config, model_id=name), case.task)
    found = load_model(clean_id(case.model)) or (load_model(case.config_ref) if case.config_ref else None)
    return None if found is None else as_task(found, case.task)


def estimate(facts: ModelFacts, case: FitCase) -> FitResult:
    """Memory of one rank under ``case``, and whether the engine starts.

    Where no release is named, every release line that may be meant is tried and the tightest answer given.
    """
    if case.engine == "vllm" and case.mamba_ssm_cache_dtype not in {None, "auto"}:
        # A given type wins over the config's: Qwen3_5ForConditionalGenerationConfig of
        # vllm/model_executor/models/config.py 0.27.1 warns and takes it.
        facts = replace(facts, ssm_state_bytes=4 if case.mamba_ssm_cache_dtype == "float32" else 2)
    results = [_estimate(facts, case, profile, given=given) for profile, given in profiles_for(facts, case)]
    return min(results, key=lambda item: (item.fits is not False, item.kv_cache_memory_gib or 0.0))


def profiles_for(facts: ModelFacts, case: FitCase) -> list[tuple[EngineProfile, bool]]:
    """Release rules to try, and whether the case names the release."""
    if any(is_cross(layer) for layer in facts.kinds_of_layers):
        # Only the V0 engine serves encoder-decoder language models such as Llama 3.2 Vision.
        return [(vllm_profile(LAST_V0), case.engine_version is not None)]
    version = resolve_version(case.engine_version if case.engine == "vllm" else ASSUMED_VLLM)
    since = first_release(facts.architecture)
    if version is not None:
        if not is_release(case.engine_version) and version < since:
            # A build that runs the model has the code of its architecture, if not what was changed until its release.
            return [(replace(_profile_of_release(case, since), released=False), case.engine == "vllm")]
        return [(_profile_of_release(case, version), case.engine == "vllm")]
    # Wheels have had the Triton kernels of MXFP4 for longer than not, and so it is with how tokens are printed for
    # models that came shortly before that changed.
    newer = vllm_profile(max(ASSUMED_RELEASE, since))
    newer = replace(newer, triton_mxfp4=True, keeps_fp4_scales=True, tokens_by_concurrency=since >= NEW_MODELS)
    if since < CONTEXT_COUNTS_UNTIL:
        early = vllm_profile(FIRST_V1)
        alone, hopper = early.libraries_alone_gib, early.libraries_hopper_gib
        newer = replace(newer, context_in_non_torch=True, libraries_alone_gib=alone, libraries_hopper_gib=hopper)
    assumed = [newer]
    assumed += [vllm_profile(item) for item in (TIGHTEST_V0, LAST_V0) if since <= item][:1]
    if case.use_v1 is not None:
        asked = [profile for profile in assumed if (profile.scheduler == "v1") is case.use_v1]
        assumed = asked or assumed
    return [(profile, False) for profile in assumed]


def _profile_of_release(case: FitCase, version: tuple[int, ...]) -> EngineProfile:
    """Rules of a release, and of its V0 or V1 engine where it has both."""
    gpu = find_gpu(case.gpu) if case.gpu else None
    old = gpu is not None and 0 < gpu.capability < V1_CAPABILITY and version < V1_EVERYWHERE
    if FIRST_V1 <= version < WITHOUT_V0 and (case.use_v1 is False or (old and case.use_v1 is None)):
        return rules_of_engine(LAST_V0, version)
    if case.use_v1 and EARLY_V1 <= version < FIRST_V1:
        return rules_of_engine(FIRST_V1, version)
    profile = vllm_profile(version)
    return replace(profile, states_outside=False) if case.use_v1 else profile


def _estimate(facts: ModelFacts, case: FitCase, profile: EngineProfile, *, given: bool) -> FitResult:
    gpu = (find_gpu(case.gpu) or gpu_of_stated_size(case.gpu)) if case.gpu else None
    if gpu is None and case.gpu is None and case.total_gpu_gib is not None:
        gpu = gpu_of_memory(case.total_gpu_gib)
    total = case.total_gpu_gib or (gpu.memory_gib if gpu else None)
    draft = draft_of(case)
    case = with_tokens(facts, case, draft)
    facts = with_draft_layers(facts, draft, case.speculative_method)
    sglang = sglang_profile(sglang_release(case.engine_version)) if case.engine == "sglang" else None
    facts = with_built_indexers(facts, case, profile, sglang)
    case = with_sglang_defaults(facts, case, gpu)
    settings = resolve(facts, case, profile, gpu, total)
    settings = with_sparse_layout(settings, case, gpu) if case.engine == "sglang" else settings
    guessing = Guessing(guessed_by(facts, case, draft), settings.pp)
    quantized = settings.quant is not None
    profile = runner_rules(facts, profile, quantized=quantized, asked=case.use_v2, guessing=guessing)
    method = settings.quant.method if settings.quant else ""
    shards = Shards(
        tp=settings.tp,
        pp=settings.pp,
        ep=settings.ep,
        moe_tp=settings.moe_tp,
        capability=gpu.capability if gpu else 0,
        native_block_fp8=profile.native_block_fp8,
        triton_mxfp4=profile.triton_mxfp4 and facts.architecture == GPT_OSS,
        wide_fp4_tiles=profile.wide_fp4_tiles,
        keeps_fp4_scales=profile.keeps_fp4_scales,
        pads_experts=profile.pads_experts,
        pads_fp4_experts=profile.pads_fp4_experts,
        holds_ngrams=holds_ngrams(facts, case, profile),
        flat_absmax=profile.flat_absmax and case.engine == "vllm",
        expert_zeros=profile.gptq_expert_zeros if case.engine == "vllm" and method == "gptq" else 0,
        tied_twice=case.engine == "tgi",
        unsplit_mib=profile.unsplit_mib if case.engine == "vllm" else 0,
        rest=profile.rest_layers,
        latent=profile.latent_matrices if caches_latent(profile, settings) else "",
    )
    if sglang is not None:
        shards = sglang_shards(facts, sglang, shards, method, settings.tp // attention_copies(case, settings.tp))
    weigh = partial(
        rank_weights,
        loaded(facts, case, profile),
        shards=shards,
        dtype=settings.dtype,
        # SGLang loads a draft as a model of its own, after the target.
        with_mtp=settings.with_mtp and draft is None and sglang is None,
        rope_per_layer=profile.rope_per_layer,
    )
    stages = weigh(settings.quant)
    if sglang is not None:
        add_kernels(stages)
    weights = max(stages, key=lambda item: item.total)
    plan = cache_plan(facts, profile, settings, engine=case.engine)
    length, batched = settings.max_model_len, settings.in_flight_tokens
    explain = explained(facts, case, profile, settings, weights, plan, gpu, given=given)
    findings = divisibility_findings(
        facts,
        settings.tp,
        settings.pp,
        ep=settings.ep,
        quant=settings.quant,
        dcp=settings.context_ranks,
        engine=case.engine,
        version=case.engine_version,
        capability=gpu.capability if gpu else None,
    )
    result = FitResult(
        id=case.id,
        model=case.model or facts.model_id,
        reason=f"{no_device(case)}, so only weights and cache bytes per token are known",
        weights_gib_per_gpu=round(weights.total / GIB, 4),
        kv_bytes_per_token_per_gpu=round(plan.bytes_per_token(length, batched), 2),
        kv_needed_gib=round(plan.needed_bytes(length, batched) / GIB, 4),
        gpu_memory_utilization=settings.utilization,
        tensor_parallel=settings.tp,
        pipeline_parallel=settings.pp,
        data_parallel=case.data_parallel or 1,
        max_model_len=length,
        max_num_seqs=settings.max_num_seqs,
        max_num_batched_tokens=settings.max_num_batched_tokens,
        block_size=plan.block_size,
        dtype=settings.dtype,
        kv_cache_dtype=settings.kv_cache_dtype,
        quantization=settings.quant.method if settings.quant else None,
        engine=case.engine,
        engine_version=release_of(case, profile),
        findings=tuple(str(item) for item in findings),
        explain=explain,
    )
    if sglang is not None:
        result = with_sglang(result, facts, case, settings, total)
    beside = loaded_beside(facts, case, settings, profile, shards, draft)
    stated = case.reserved_gib or 0.0
    reserve = Reserve(stated=stated, adapters=beside.fullest, draft=beside.draft, explain=beside.explain)
    if total is None:
        return with_reserve(result, reserve)
    added = [stated + beside.on_stage(stage, settings.pp, draft=sglang is None) for stage in range(settings.pp)]
    stage_gib = tuple(stage.total / GIB + more for stage, more in zip(stages, added, strict=True))
    weights_gib = weights.total / GIB + max(added)
    if is_cacheless(facts, profile) and case.engine == "vllm":
        budget = cacheless_budget(facts, profile, settings, weights_gib, total, gpu)
    elif sglang is not None:
        mtp = 0.0
        if settings.with_mtp and draft is None:
            drafting = weigh(settings.quant, with_mtp=True)
            add_kernels(drafting)
            mtp = drafting[-1].total - stages[-1].total
            mtp += own_ends(stages) if sglang.counts_draft else 0.0
        # Online fp8 makes its parameters of 16 bits and quantizes them when all are loaded: Fp8LinearMethod of
        # layers/quantization/fp8.py 0.4.0 to 0.5.23 (create_weights, process_weights_after_loading).
        whole = weigh(None) if quantizes_while_loading(facts, case, settings) else stages
        loading_gib = max(stage.total for stage in whole) / GIB
        budget = sglang_budget(facts, case, settings, stage_gib, mtp / GIB + beside.draft, total, gpu, loading_gib)
    elif case.engine == "tgi":
        budget, step = tgi_budget(facts, case, profile, settings, weights_gib, total, gpu)
        result = with_step(case, result, step)
    else:
        loading = weigh(None) if profile.loads_whole and quantizes_while_loading(facts, case, settings) else stages
        loading_gib = max(stage.total for stage in loading) / GIB
        tried, items = profiled(facts, case, profile), items_of_request(facts, case, profile)
        budget = vllm_budget(tried, profile, settings, plan, stage_gib, total, gpu, loading_gib, items, beside)
    return with_reserve(_with_budget(result, budget), reserve)


def _with_budget(result: FitResult, budget: Budget) -> FitResult:
    verdict = budget.verdict
    return result.model_copy(
        update={
            "fits": verdict.fits,
            "reason": verdict.reason,
            "engine_error": verdict.engine_error,
            "kv_cache_memory_gib": round(budget.available, 4),
            "later_cache_gib": None if budget.later is None else round(budget.later, 4),
            "kv_cache_tokens": budget.tokens,
            "cache_doubt_gib": round(budget.doubt, 4),
            "kv_cache_tokens_at_least": budget.tokens_at_least,
            "max_concurrency": round(budget.concurrency, 2),
            "estimated_max_len": None if verdict.fits or budget.tokens is None else budget.longest,
            "non_torch_gib": round(budget.non_torch, 4),
            "activation_peak_gib": round(budget.activation, 4),
            "cuda_graph_gib": round(budget.graphs, 4),
            "total_gpu_gib": budget.total,
            "budget_gib": round(budget.limit, 4),
            "explain": (*result.explain, *budget.explain),
        }
    )


def cache_plan(facts: ModelFacts, profile: EngineProfile, settings: Settings, *, engine: str = "vllm") -> CachePlan:
    """Cache layout of the whole model, with the bytes of every pipeline stage.

    SGLang keeps keys and values of encoders, too: measured 98,264 bytes a token for BAAI/bge-m3 (sglang#7590).
    """
    without = engine == "vllm" and is_cacheless(facts, profile)
    cached = replace(facts, layers=(), mtp_layers=()) if without else facts
    layers = layer_specs(
        cached,
        tp=settings.tp,
        kv_bytes=settings.kv_element_bytes,
        state_bytes=2,
        context_ranks=settings.context_ranks,
        with_mtp=settings.with_mtp,
        latent=caches_latent(profile, settings),
        latent_align=profile.latent_align,
        blackwell=settings.plain_sparse if profile.released or not is_compressed(facts) else "",
        drafted=settings.drafted,
        full_block=settings.block_size,
    )
    ranges = pipeline_ranges(facts.num_layers, settings.pp, profile.rest_layers)
    stages = [stage for stage, held in enumerate(ranges) for _ in held]
    stages = stages[: len(layers)]
    stages += [settings.pp - 1] * (len(layers) - len(stages))
    specs = [spec for layer in layers for spec in layer]
    stage_of = [stage for stage, layer in zip(stages, layers, strict=True) for _ in layer]
    hybrid = profile.hybrid_manager
    if any(isinstance(layer.mixer, Attention) and layer.mixer.chunk for layer in facts.kinds_of_layers):
        hybrid = hybrid and profile.chunked_hybrid
    return plan_cache(
        specs,
        block_size=settings.block_size,
        hybrid_manager=hybrid,
        by_concurrency=profile.tokens_by_concurrency,
        group_slack=profile.group_slack,
        alignment=profile.latent_hybrid_block if facts.uses_mla else KERNEL_BLOCK,
        states=settings.states,
        widest_group=profile.packs_widest_group,
        stage_of=stage_of if settings.pp > 1 else (),
        stage_count=settings.pp,
    )
