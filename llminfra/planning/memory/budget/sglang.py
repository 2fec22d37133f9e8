"""What is left for the cache in SGLang, and whether it starts.

SGLang does not profile. It looks at the free memory before it loads the weights and after; ``mem_fraction_static`` of
the first, less what the weights took, becomes the cache. Request slots, captured graphs and activations share the rest
(``model_executor/model_runner.py``; `sglang_profile` has what changed by release, `sglang_pools` what the cache holds).
"""

from __future__ import annotations

from msgspec import Struct

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory.budget import messages
from llminfra.planning.memory.budget.doubt import Doubt, doubt_of
from llminfra.planning.memory.budget.sglang_pools import Pools, TokenCost, fill_pools, token_cost
from llminfra.planning.memory.budget.verdict import Verdict
from llminfra.planning.memory.budget.vllm import Budget
from llminfra.planning.memory.inputs.case import FitCase, FitResult
from llminfra.planning.memory.peak.activation import is_compressed
from llminfra.planning.memory.peak.forward_peak import Batch, forward_peak
from llminfra.planning.memory.peak.overhead import FABRIC_CAPABILITY, GIB, cuda_context_gib, nccl_gib, on_fabric
from llminfra.planning.memory.releases.engine_profile import ASSUMED_RELEASE, EngineProfile, vllm_profile
from llminfra.planning.memory.releases.settings import Settings
from llminfra.planning.memory.releases.sglang_profile import (
    ASSUMED_SGLANG,
    SPEC_REQUESTS,
    SglangProfile,
    captured_sizes,
    own_requests,
    prefill_and_graphs,
    sglang_data,
    sglang_fraction,
    sglang_profile,
    sglang_release,
)
from llminfra.planning.memory.shapes import pipeline_ranges

MANY_RANKS = 4
GRAPHS = "captured graphs"


class Static(Struct, frozen=True, kw_only=True):
    """The static share on the rank with the fewest tokens, in GiB.

    Attributes:
        free: Free before the weights load.
        limit: What weights and cache may take of it.
        weights: What the weights took of it.
        draft: Weights of a draft that come beside the share; its cache may, too.
        cost: Bytes of a token and of a state.
        pools: What the rest became.
    """

    free: float
    limit: float
    weights: float
    draft: float
    cost: TokenCost
    pools: Pools

    @property
    def rest(self) -> float:
        """Left after the weights."""
        return self.limit - self.weights


def before_weights_gib(settings: Settings, gpu: Gpu | None) -> float:
    """What is not free when SGLang first looks: CUDA context, libraries, communicators of several ranks."""
    rules = sglang_data()
    nccl = nccl_gib(settings, gpu, vllm_profile(ASSUMED_RELEASE))
    if settings.tp > 1 and on_fabric(settings, gpu) and settings.tp * settings.pp > MANY_RANKS:
        nccl = float(rules["nccl_many_gib"])
    return cuda_context_gib(gpu) + float(rules["libraries_gib"]) + nccl


def sglang_costs(facts: ModelFacts, case: FitCase, settings: Settings) -> tuple[TokenCost, ...]:
    """Bytes of a token and of a state on a rank of every pipeline stage."""
    profile = sglang_profile(sglang_release(case.engine_version))
    stages = pipeline_ranges(facts.num_layers, settings.pp, profile.rest_layers)
    return tuple(token_cost(facts, case, settings, profile, [facts.layers[index] for index in held]) for held in stages)


def sglang_layout(facts: ModelFacts, case: FitCase, settings: Settings) -> str:
    """The line that tells what a token takes."""
    cost = max(sglang_costs(facts, case, settings), key=lambda item: item.token)
    states = f", {cost.state} bytes for each recurrent state" if cost.state else ""
    return f"cache {cost.token:.0f} bytes per token{states}, {settings.kv_cache_dtype} elements"


def with_sglang(
    result: FitResult, facts: ModelFacts, case: FitCase, settings: Settings, total_gib: float | None
) -> FitResult:
    """``result`` with what SGLang's defaults and pools change, before the device is looked at."""
    cost = max(sglang_costs(facts, case, settings), key=lambda item: item.token)
    update: dict[str, object] = {
        "kv_bytes_per_token_per_gpu": round(cost.token, 2),
        "kv_needed_gib": round((cost.token * settings.max_model_len + cost.state) / GIB, 4),
    }
    if total_gib is not None:
        profile = sglang_profile(sglang_release(case.engine_version))
        chunk, _ = prefill_and_graphs(profile, case, settings.tp, total_gib)
        update["max_num_batched_tokens"] = chunk
        update["gpu_memory_utilization"] = round(sglang_fraction(facts, case, settings, total_gib), 4)
    return result.model_copy(update=update)


def sglang_budget(
    facts: ModelFacts,
    case: FitCase,
    settings: Settings,
    stage_weights_gib: tuple[float, ...],
    draft_gib: float,
    total_gib: float,
    gpu: Gpu | None,
    loading_gib: float = 0.0,
) -> Budget:
    """Cache memory under ``mem_fraction_static``.

    Args:
        facts: The model.
        case: What was asked for.
        settings: The same with defaults.
        stage_weights_gib: Weights of a rank by pipeline stage, without those of a draft.
        draft_gib: Weights of a draft on the last stage.
        total_gib: What the driver reports.
        gpu: The device, when known.
        loading_gib: What the largest rank takes while it loads, more where it is quantized then.
    """
    profile = sglang_profile(sglang_release(case.engine_version))
    fraction = sglang_fraction(facts, case, settings, total_gib)
    other = before_weights_gib(settings, gpu)
    static = _static(facts, case, settings, profile, stage_weights_gib, draft_gib, total_gib - other, fraction)
    tokens, length = static.pools.tokens, settings.max_model_len
    beside = _beside_gib(facts, case, settings, profile, static, total_gib)
    peak = _prefill_gib(facts, case, settings, profile, total_gib, gpu)
    # Nothing is profiled: what a prompt takes lies beside the share, and the cache does not depend on it.
    doubt = doubt_of(0.0, unread_gib=static.weights if settings.unread_layout else 0.0)
    cache_gib = static.pools.cache_bytes / GIB
    surely = max(0.0, 1 - doubt.gib / cache_gib) if cache_gib > 0 else 0.0
    verdict = _loading_verdict(loading_gib, static, total_gib)
    if verdict is None:
        verdict = _verdict(profile, fraction, static, beside, peak, total_gib, doubt)
    return Budget(
        total=total_gib,
        limit=total_gib * fraction,
        weights=static.weights,
        activation=peak,
        # The share is one of what is free, so the rest of this lies beside it.
        non_torch=other * fraction,
        graphs=beside[GRAPHS],
        available=cache_gib,
        tokens=tokens,
        tokens_at_least=int(tokens * surely),
        doubt=doubt.gib,
        concurrency=tokens / length,
        longest=min(length, tokens),
        verdict=verdict,
        explain=_explain(case, fraction, static, other, beside, peak),
    )


def _static(
    facts: ModelFacts,
    case: FitCase,
    settings: Settings,
    profile: SglangProfile,
    stage_weights_gib: tuple[float, ...],
    draft_gib: float,
    free: float,
    fraction: float,
) -> Static:
    images = profile.image_cache_mib / 1024 if facts.encoders else 0.0
    found = []
    for stage, (cost, weights) in enumerate(zip(sglang_costs(facts, case, settings), stage_weights_gib, strict=True)):
        draft = draft_gib if stage == settings.pp - 1 else 0.0
        taken = weights + images + (draft if profile.counts_draft else 0.0)
        pools = fill_pools(case, cost, profile, (free * fraction - taken) * GIB)
        found.append(
            Static(
                free=free,
                limit=free * fraction,
                weights=taken,
                draft=0.0 if profile.counts_draft else draft,
                cost=cost,
                pools=pools,
            )
        )
    return min(found, key=lambda item: (item.pools.tokens if item.cost.token else float("inf"), item.rest))


def _beside_gib(
    facts: ModelFacts, case: FitCase, settings: Settings, profile: SglangProfile, static: Static, total_gib: float
) -> dict[str, float]:
    """What is allocated at start-up beside the static share, in GiB by name."""
    pools, length = static.pools, settings.max_model_len
    slots = int(pools.tokens / length * profile.slots_per_context)
    slots = max(profile.fewest_slots, min(slots, profile.most_slots))
    if case.max_num_seqs or is_compressed(facts):
        slots = own_requests(case, int(sglang_data()["window_pools"]["compressed_requests"]), settings.tp)
    elif case.speculative_tokens:
        slots = own_requests(case, SPEC_REQUESTS, settings.tp)
    if pools.states:
        slots = min(slots, max(1, pools.states // static.cost.request_states))
    _, largest = prefill_and_graphs(profile, case, settings.tp, total_gib)
    per_size = facts.num_layers / settings.pp * float(sglang_data()["graph_mib_per_layer_and_size"]) / 1024
    captured = captured_sizes(min(largest, slots)) if facts.generative else 0
    return {
        # A slot has an int32 for each position (ReqToTokenPool, mem_cache/memory_pool.py).
        "request slots": slots * (length + profile.slot_padding) * 4 / GIB,
        GRAPHS: captured * per_size,
        "draft": static.draft,
        "cache of the draft or scales": static.cost.beside * pools.tokens / GIB,
    }


def _prefill_gib(
    facts: ModelFacts, case: FitCase, settings: Settings, profile: SglangProfile, total_gib: float, gpu: Gpu | None
) -> float:
    """Activations of a prompt of ``chunked_prefill_size``, run line by line; logits are those of last tokens."""
    chunk, _ = prefill_and_graphs(profile, case, settings.tp, total_gib)
    rules: EngineProfile = vllm_profile(ASSUMED_RELEASE)
    batch = Batch(
        tokens=chunk,
        sequences=1,
        length=settings.max_model_len,
        tp=settings.tp,
        ep=settings.ep,
        element=settings.element_bytes,
        eager=True,
    )
    cublas = 64 if gpu is None or gpu.capability >= FABRIC_CAPABILITY else 16
    return forward_peak(facts, batch, rules) / GIB + cublas / 1024


def _loading_verdict(loading_gib: float, static: Static, total_gib: float) -> Verdict | None:
    if loading_gib <= static.free or static.weights > static.free:
        return None
    text = (
        f"the weights take {loading_gib:.2f} GiB of the {static.free:.2f} GiB that are free on the GPU before they are"
        " quantized: this engine loads them whole; take a checkpoint that is quantized"
    )
    return Verdict(fits=False, code="LLM_MEM_1", text=text, engine_error=messages.out_of_memory(total_gib))


def _verdict(
    profile: SglangProfile,
    fraction: float,
    static: Static,
    beside: dict[str, float],
    peak: float,
    total_gib: float,
    doubt: Doubt,
) -> Verdict:
    if static.weights > static.free:
        text = f"the weights take {static.weights:.2f} GiB of the {static.free:.2f} GiB that are free on the GPU"
        return Verdict(fits=False, code="LLM_MEM_1", text=text, engine_error=messages.out_of_memory(total_gib))
    if static.pools.tokens <= 0 and static.cost.token:
        text = (
            f"nothing is left for the cache: {-static.rest:.2f} GiB too little after the weights"
            if static.rest <= 0
            else f"nothing is left for the cache: recurrent states take {static.pools.state_bytes / GIB:.2f} GiB"
        )
        viable = 1 - (static.free - static.weights) / static.free
        error = messages.sglang_no_memory(profile.message, fraction, viable, left=static.rest)
        return Verdict(fits=False, code="LLM_MEM_2", text=text, engine_error=error)
    states, needed = static.pools.states, static.cost.request_states
    if static.cost.state and states < needed:
        text = (
            f"a request needs {needed} recurrent states of {static.cost.state / GIB:.3f} GiB, and the part of the cache"
            f" that is theirs holds {states}: raise mem_fraction_static"
        )
        error = messages.sglang_few_states(states, needed, checked=profile.checks_states)
        return Verdict(fits=False, code="LLM_MEM_7", text=text, engine_error=error)
    windows = int(static.pools.tokens * static.cost.window_share)
    if profile.checks_window and static.cost.window > 0 and windows <= static.cost.window + static.cost.page:
        text = f"no request fits the {windows} tokens of windowed layers, whose window is {static.cost.window} tokens"
        error = messages.sglang_small_window(windows, static.cost.window, static.cost.page)
        return Verdict(fits=False, code="LLM_MEM_3", text=text, engine_error=error)
    starts = f"starts with {static.pools.cache_bytes / GIB:.2f} GiB of cache, {static.pools.tokens} tokens"
    room, taken = static.free - static.limit, sum(beside.values())
    least = taken - beside[GRAPHS] * (1 - _least_graphs())
    if least > room:
        names = " and ".join(f"{name} ({gib:.2f})" for name, gib in beside.items() if gib > 0)
        text = f"{names} do not fit beside the static share, where {room:.2f} GiB are left"
        captured = taken - beside[GRAPHS] <= room
        error = messages.sglang_capture_failed(profile.version) if captured else messages.out_of_memory(total_gib)
        return Verdict(fits=False, code="LLM_MEM_5", text=text, engine_error=error)
    if taken + peak > room:
        text = (
            f"{starts}, but tightly: activations, graphs and request slots may take {peak + taken:.2f} GiB beside the"
            f" static share, and {room:.2f} GiB are left; lower mem_fraction_static or chunked_prefill_size"
        )
        return Verdict(fits=True, code="LLM_MEM_6", text=text)
    if static.rest < doubt.gib:
        text = f"{starts}, but tightly: the estimate may be {doubt.gib:.2f} GiB too high{doubt.why}"
        return Verdict(fits=True, code="LLM_MEM_6", text=text)
    return Verdict(fits=True, code="LLM_MEM_0", text=starts)


def _least_graphs() -> float:
    """Part of the estimate of graphs that the start-up with the smallest took."""
    rules = sglang_data()
    return float(rules["graph_mib_at_least"]) / float(rules["graph_mib_per_layer_and_size"])


def _explain(
    case: FitCase, fraction: float, static: Static, other: float, beside: dict[str, float], peak: float
) -> tuple[str, ...]:
    source = "given" if case.gpu_memory_utilization is not None else "default for this device"
    pools, parts = static.pools, ", ".join(f"{name} {gib:.2f}" for name, gib in beside.items() if gib > 0)
    lines = [] if case.engine_version else [f"rules of SGLang {sglang_profile(ASSUMED_SGLANG).name} are taken"]
    lines += [
        f"non-torch {other:.2f} GiB: CUDA context, libraries, NCCL, before the weights load",
        f"budget {static.limit:.2f} GiB: {static.free:.2f} GiB free x mem_fraction_static {fraction:.4g} ({source})",
        f"beside the budget {static.free - static.limit:.2f} GiB: {parts}, activations of a prompt {peak:.2f}",
    ]
    if pools.state_bytes:
        lines.append(f"recurrent states {pools.state_bytes / GIB:.2f} GiB: {pools.states} of {static.cost.state} bytes")
    lines.append(
        f"cache {pools.cache_bytes / GIB:.2f} GiB: budget less weights {static.weights:.2f}"
        + (" and states" if pools.state_bytes else "")
        + f", {static.cost.token:.0f} bytes for each token"
    )
    return tuple(lines)
