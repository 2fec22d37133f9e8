"""What is left for the cache in Text Generation Inference.

It loads the model, makes room for the largest batch that its limits allow, runs it, and looks at what is free: how much
of that becomes cache is a rule of the release (`tgi_profile`). The batch's own room counts as cache again.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory.budget import messages
from llminfra.planning.memory.budget.doubt import Doubt, doubt_of
from llminfra.planning.memory.budget.verdict import TIGHT, Verdict
from llminfra.planning.memory.budget.vllm import Budget
from llminfra.planning.memory.cache.kv_specs import cache_specs
from llminfra.planning.memory.inputs.case import FitCase, FitResult
from llminfra.planning.memory.peak.overhead import GIB, cuda_context_gib, nccl_gib, old_driver
from llminfra.planning.memory.peak.tgi_warmup import WarmUp, tgi_warmup
from llminfra.planning.memory.releases.engine_profile import (
    ASSUMED_RELEASE,
    TIGHTEST_V0,
    EngineProfile,
    engine_data,
    vllm_profile,
)
from llminfra.planning.memory.releases.settings import Settings
from llminfra.planning.memory.releases.tgi_profile import Step, TgiProfile, tgi_data, tgi_profiles, tgi_step


class _Room(Struct, frozen=True, kw_only=True):
    """Memory of one rank in GiB under the rules of one release.

    Attributes:
        rules: Of the release.
        step: What the warm-up ran.
        peak: What it took.
        other: Contexts, communicators and workspaces.
        graphs: What captured graphs take.
        batch: Cache of the warm-up's batch.
        left: What the warm-up leaves, negative where it did not fit.
        cache: Cache in the end.
        beside: What is free beside the cache when graphs are captured.
    """

    rules: TgiProfile
    step: Step
    peak: WarmUp
    other: float
    graphs: float
    batch: float
    left: float
    cache: float
    beside: float


def tgi_budget(
    facts: ModelFacts,
    case: FitCase,
    profile: EngineProfile,
    settings: Settings,
    weights_gib: float,
    total_gib: float,
    gpu: Gpu | None,
) -> tuple[Budget, Step]:
    """Cache memory after the warm-up, and the limits it was run with; of several releases, the tightest."""
    cell = sum(
        spec.token_bytes
        for spec in cache_specs(facts, tp=settings.tp, kv_bytes=settings.kv_element_bytes, state_bytes=2)
    )
    rooms = [
        _room(facts, case, rules, profile, settings, weights_gib, total_gib, gpu, cell)
        for rules in tgi_profiles(case.engine_version, gpu)
    ]
    room = min(rooms, key=lambda item: (min(item.left, 0.0), item.cache))
    step = room.step
    limit = total_gib * _fraction(case)
    tokens = max(0, int(room.cache * GIB // cell)) if cell and room.left >= 0 else 0
    if step.decided_later and tokens:
        step = replace(step, length=min(tokens, facts.max_position_embeddings or tokens))
    doubt = doubt_of(room.peak.total / GIB, unread_gib=weights_gib if settings.unread_layout else 0.0)
    budget = Budget(
        total=total_gib,
        limit=limit,
        weights=weights_gib,
        activation=room.peak.total / GIB,
        non_torch=room.other,
        graphs=room.graphs,
        available=room.cache if room.left >= 0 else room.left,
        tokens=tokens,
        concurrency=tokens / step.length,
        longest=_longest(room, cell, step.length),
        verdict=_verdict(room, tokens, doubt),
        doubt=doubt.gib,
        tokens_at_least=max(0, int((room.cache - doubt.gib) * GIB // cell)) if tokens else tokens,
        explain=_explained(room, total_gib, limit, _fraction(case)),
    )
    return budget, step


def with_step(case: FitCase, result: FitResult, step: Step) -> FitResult:
    """The answer with the limits that the release's launcher takes where the case leaves them open."""
    return result.model_copy(
        update={
            "max_model_len": step.length,
            "max_num_batched_tokens": step.tokens,
            "gpu_memory_utilization": _fraction(case),
            "kv_needed_gib": round(step.length * (result.kv_bytes_per_token_per_gpu or 0.0) / GIB, 4),
            "explain": tuple(line for line in result.explain if not line.startswith("max_model_len ")),
        }
    )


def _fraction(case: FitCase) -> float:
    """``--cuda-memory-fraction``."""
    return case.gpu_memory_utilization or 1.0


def _room(
    facts: ModelFacts,
    case: FitCase,
    rules: TgiProfile,
    profile: EngineProfile,
    settings: Settings,
    weights_gib: float,
    total_gib: float,
    gpu: Gpu | None,
    cell: float,
) -> _Room:
    step = tgi_step(facts, case, rules, gpu, settings.tp, total_gib)
    peak = tgi_warmup(facts, rules, settings, step, profile)
    # Communicators in whole: what vLLM counted when it first looked at the device before it made them.
    nccl = nccl_gib(settings, gpu, vllm_profile(ASSUMED_RELEASE))
    # The libraries are those of vLLM's first engine, which looked at the device in the same way.
    libraries = vllm_profile(TIGHTEST_V0).libraries_gib
    other = cuda_context_gib(gpu) + libraries + nccl + rules.workspace_gib
    held = weights_gib + other
    limit = total_gib * _fraction(case)
    batch = step.requests * step.length * cell / GIB
    left = limit - held - peak.total / GIB - batch
    of_device = max(limit * rules.share - held - peak.total / GIB, batch)
    cache = of_device if rules.of_device else left * rules.share + batch
    return _Room(
        rules=rules,
        step=step,
        peak=peak,
        other=other,
        graphs=_graphs(facts, rules, settings),
        batch=batch,
        left=left,
        cache=cache,
        beside=total_gib - held - cache,
    )


def _graphs(facts: ModelFacts, rules: TgiProfile, settings: Settings) -> float:
    """Nodes of the captured graphs: of every layer and size, and of NCCL, by which ranks reduce in them, too."""
    if not rules.captures_graphs or settings.eager:
        return 0.0
    table = engine_data()["overheads"]
    each = table["graph_mib_per_layer_and_size"] + table["graph_mib_of_nccl_rank"] * (settings.tp - 1)
    factor = table["graph_factor_of_old_drivers"] if old_driver(settings.driver) else 1.0
    return float(facts.num_layers * tgi_data()["graph_sizes"] * each * factor / 1024)


def _longest(room: _Room, cell: float, length: int) -> int:
    """Tokens of one request: as asked where the warm-up fits, else what its batch may take."""
    if room.left >= 0:
        return length
    return max(0, int((room.left + room.batch) * GIB // cell) // room.step.requests) if cell else 0


def _verdict(room: _Room, tokens: int, doubt: Doubt) -> Verdict:
    step, missing = room.step, -room.left
    if missing > 0 and room.batch <= missing:
        return Verdict(
            fits=False,
            code="LLM_MEM_2",
            text=f"weights and a warm-up of {step.tokens} tokens need {missing:.2f} GiB more than there is",
            engine_error=messages.TGI_NO_MEMORY,
        )
    if missing > 0 or tokens <= 0:
        return Verdict(
            fits=False,
            code="LLM_MEM_3",
            text=(
                f"the warm-up's {step.requests} request(s) of {step.length} tokens need {max(missing, 0.0):.2f} GiB"
                " more cache than there is"
            ),
            engine_error=messages.TGI_NO_MEMORY,
        )
    if room.graphs > room.beside:
        return Verdict(
            fits=False,
            code="LLM_MEM_5",
            text=f"graphs take {room.graphs:.2f} GiB, and {room.beside:.2f} GiB are free beside the cache",
            engine_error=messages.TGI_NO_GRAPHS,
        )
    starts = f"starts with {room.cache:.2f} GiB of cache, {tokens} tokens"
    if room.left < doubt.gib:
        text = f"{starts}, but tightly: {room.left:.2f} GiB are spare and the estimate may be {doubt.gib:.2f} GiB too"
        text += f" high{doubt.why}"
        return Verdict(fits=True, code=TIGHT, text=text)
    return Verdict(fits=True, code="LLM_MEM_0", text=starts)


def _explained(room: _Room, total_gib: float, limit: float, fraction: float) -> tuple[str, ...]:
    rules, step, peak = room.rules, room.step, room.peak
    parts = [f"layers {peak.forward / GIB:.2f}"]
    if peak.logits:
        parts.append(f"logits of the prompts and their log probabilities {peak.logits / GIB:.2f}")
    if peak.matrix:
        parts.append(f"masks of prompts with images, and their scores, {peak.matrix / GIB:.2f}")
    release = ".".join(str(part) for part in rules.version)
    if rules.of_device:
        kept = f"all but {1 - rules.share:.0%} of the device, less what the warm-up took"
    else:
        kept = f"{rules.share:.0%} of what weights, warm-up and context leave, and the warm-up's own"
    return (
        f"budget {limit:.2f} GiB: {total_gib:.2f} GiB that the driver reports x {fraction}",
        f"warm-up {peak.total / GIB:.2f} GiB at {step.tokens} tokens: {', '.join(parts)}",
        f"its batch {room.batch:.2f} GiB of cache: {step.requests} request(s) of {step.length} tokens",
        f"cache {room.cache:.2f} GiB: {kept} (TGI {release})",
    )
