"""Finds the spread of an endpoint over GPUs, or says why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.catalog.gpus import find_gpu
from llminfra.planning.gpu_support import takes_fp8_cache
from llminfra.planning.parallelism import Candidate, Promise, candidates, choose, judge
from llminfra.spec.endpoint import Parallelism

if TYPE_CHECKING:
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.engine_settings import EngineSettings
    from llminfra.planning.findings import Findings
    from llminfra.planning.infrastructure_plan import PoolPlan
    from llminfra.planning.memory import FitCase
    from llminfra.spec.endpoint import Endpoint


class Spread(Struct, frozen=True, kw_only=True):
    """The chosen candidate, why it was chosen, and others that were looked at."""

    chosen: Candidate
    why: str
    others: tuple[str, ...]


def find_spread(
    endpoint: Endpoint,
    facts: ModelFacts,
    case: FitCase,
    pool: PoolPlan,
    findings: Findings,
    engine: EngineSettings,
    *,
    stages: bool = True,
) -> Spread | None:
    """The declared spread when it works, else the cheapest that keeps the promise; ``None`` leaves a finding."""
    spread = _find(endpoint, facts, case, pool, findings, engine, stages=stages)
    if spread is not None and engine.judged and spread.chosen.fit.tight:
        findings.warning(
            "LLM_MEM_6",
            endpoint,
            f"endpoints.{endpoint.name}",
            f"{facts.model_id} fits pool {pool.name!r} by less than the estimate may be wrong",
            found=spread.chosen.fit.reason.split(": ", 1)[-1],
            expected="more memory left beside one request of full length than the estimate's error",
            fix="lower max_model_len or max_num_batched_tokens, raise gpu_memory_utilization, or use more GPUs",
        )
    return spread


def _find(
    endpoint: Endpoint,
    facts: ModelFacts,
    case: FitCase,
    pool: PoolPlan,
    findings: Findings,
    engine: EngineSettings,
    *,
    stages: bool,
) -> Spread | None:
    promise = Promise.of(endpoint)
    if not engine.judged:
        wanted = endpoint.parallelism or Parallelism()
        why = "as declared; what the server does with the memory is its own business"
        return Spread(chosen=judge(facts, case, pool, wanted, promise=promise), why=why, others=())
    options = candidates(
        facts,
        case,
        pool,
        promise=promise,
        spans_nodes=engine.spans_nodes,
        copies=engine.kind == "vllm",
        stages=stages,
    )
    if endpoint.parallelism is None:
        choice = choose(options, promise)
        if choice.chosen is None:
            _no_fit(endpoint, facts, pool, options, promise.concurrency, findings)
            return None
        if not choice.keeps_slo and not _slo_in_reach(endpoint, pool, choice.chosen, findings):
            return None
        return Spread(
            chosen=choice.chosen,
            why=_why(promise, choice.chosen, keeps_slo=choice.keeps_slo),
            others=tuple(_told(option, promise, keeps_slo=choice.keeps_slo) for option in choice.others),
        )
    declared = judge(facts, case, pool, endpoint.parallelism, promise=promise)
    if not _declared_works(endpoint, pool, declared, options, findings, engine):
        return None
    if not declared.meets(promise.concurrency):
        _no_fit(endpoint, facts, pool, (declared, *options), promise.concurrency, findings)
        return None
    if declared.miss(promise.slo) > 1 and not _slo_in_reach(endpoint, pool, declared, findings, options):
        return None
    rest = [
        option for option in options if option.parallelism != endpoint.parallelism and option.meets(promise.concurrency)
    ]
    others = tuple(_told(option, promise, keeps_slo=declared.miss(promise.slo) <= 1) for option in rest[:2])
    return Spread(chosen=declared, why="as declared", others=others)


def _told(option: Candidate, promise: Promise, *, keeps_slo: bool) -> str:
    """Another spread as an alternative; one that does not do begins with ``not`` and ends with why."""
    text = option.describe()
    if option.problems or option.fit.fits is not True:
        return f"not {text}"
    if not option.meets(promise.concurrency):
        return f"not {text}, and {promise.concurrency} are asked for"
    if keeps_slo and option.miss(promise.slo) > 1:
        return f"not {text}, slower than the latency targets"
    return text


def _why(promise: Promise, chosen: Candidate, *, keeps_slo: bool) -> str:
    what = f"fewest GPUs that hold {promise.concurrency} request{'s' if promise.concurrency > 1 else ''} of full length"
    if promise.slo is None or chosen.performance is None:
        return what
    figures = f"{chosen.performance.ttft_ms:,.0f} ms to the first token, {chosen.performance.tpot_ms:,.0f} ms a token"
    if keeps_slo:
        return f"{what} and keep the latency targets ({figures}, estimated)"
    return f"nearest to the latency targets among those that hold {promise.concurrency} ({figures}, estimated)"


def _slo_in_reach(
    endpoint: Endpoint, pool: PoolPlan, nearest: Candidate, findings: Findings, options: tuple[Candidate, ...] = ()
) -> bool:
    """Report targets that the estimate misses: an error only where it misses by more than its own uncertainty."""
    slo, found = endpoint.slo, nearest.performance
    if slo is None or found is None:
        return True
    miss = nearest.miss(slo)
    faster = next(
        (option for option in options if option.meets(endpoint.concurrency or 1) and option.miss(slo) <= 1), None
    )
    targets = {
        "time_to_first_token_ms": (slo.time_to_first_token_ms, found.ttft_ms),
        "time_per_output_token_ms": (slo.time_per_output_token_ms, found.tpot_ms),
    }
    missed = {name: pair for name, pair in targets.items() if pair[0] and pair[1] > pair[0]}
    measured = ", ".join(f"{name} {value:,.0f}" for name, (_, value) in missed.items())
    fix = f"use {faster.shape}; or " if faster else ""
    fix += "use a pool with faster GPUs, quantize the model, or lower concurrency"
    if found.queued:
        fix += f"; or add replicas: {found.queued:.0f} of {endpoint.concurrency} callers wait for a place"
    report = findings.error if miss > found.spread else findings.warning
    report(
        "LLM_FIT_20" if miss > found.spread else "LLM_FIT_21",
        endpoint,
        f"endpoints.{endpoint.name}.slo",
        f"no spread over pool {pool.name!r} keeps the latency targets; the nearest is {nearest.shape}"
        if endpoint.parallelism is None
        else f"{nearest.shape} does not keep the latency targets",
        found=f"{measured} (estimated within a factor of {found.spread:g}; {found.explain[1]})",
        expected=", ".join(f"{name} at most {wanted:,.0f}" for name, (wanted, _) in missed.items()),
        fix=fix,
    )
    return miss <= found.spread


def _declared_works(
    endpoint: Endpoint,
    pool: PoolPlan,
    declared: Candidate,
    options: tuple[Candidate, ...],
    findings: Findings,
    engine: EngineSettings,
) -> bool:
    wanted = declared.parallelism
    path = f"endpoints.{endpoint.name}.parallelism"
    for problem in declared.problems:
        shape = f"tensor={wanted.tensor}, pipeline={wanted.pipeline}"
        good = next((option.parallelism.tensor for option in options if not option.problems), None)
        findings.error(
            problem.code,
            endpoint,
            path,
            problem.message,
            found=shape,
            expected="tensor="
            + ", ".join(
                str(option.parallelism.tensor) for option in options if not option.problems and option.nodes == 1
            ),
            fix=f"set tensor={good}, or leave parallelism to the planner" if good else "use another pool",
            runtime_message=problem.runtime_message,
        )
    most = pool.gpus_per_node * pool.max_nodes
    if declared.nodes > 1 and not engine.spans_nodes:
        findings.error(
            "LLM_FIT_16",
            endpoint,
            path,
            f"{engine.kind} does not span nodes here",
            found=f"{wanted.gpus} GPUs on nodes of {pool.gpus_per_node}",
            expected=f"at most {pool.gpus_per_node} GPUs a replica",
            fix="use VLLM(…) or SGLang(…) for a replica larger than a node",
        )
    elif wanted.gpus > most:
        findings.error(
            "LLM_FIT_6",
            endpoint,
            path,
            f"one replica needs more GPUs than pool {pool.name!r} can ever have",
            found=f"{wanted.gpus} GPUs",
            expected=f"at most {most} ({pool.max_nodes} nodes of {pool.gpus_per_node})",
            fix="lower the parallelism or raise the pool's maximum",
            runtime_message="0/n nodes are available: n Insufficient nvidia.com/gpu",
        )
    elif wanted.gpus > pool.gpus_per_node and wanted.gpus % pool.gpus_per_node:
        findings.error(
            "LLM_FIT_11",
            endpoint,
            path,
            "a replica larger than a node must fill whole nodes",
            found=f"{wanted.gpus} GPUs on nodes of {pool.gpus_per_node}",
            expected=f"a multiple of {pool.gpus_per_node}",
            fix=f"use tensor={pool.gpus_per_node} and pipeline={-(-wanted.gpus // pool.gpus_per_node)}",
        )
    else:
        return not declared.problems
    return False


def _no_fit(
    endpoint: Endpoint,
    facts: ModelFacts,
    pool: PoolPlan,
    options: tuple[Candidate, ...],
    concurrency: int,
    findings: Findings,
) -> None:
    """Report the misfit of the largest (or the declared) option, and what would work."""
    usable = [option for option in options if not option.problems] or list(options)
    best = options[0] if endpoint.parallelism else max(usable, key=lambda option: option.concurrency)
    works = next((option for option in options if option.meets(concurrency)), None)
    path = f"endpoints.{endpoint.name}"
    if best.problems:
        findings.error(
            "LLM_FIT_2",
            endpoint,
            path,
            f"no spread over pool {pool.name!r} divides {facts.model_id} evenly",
            found="; ".join(option.describe() for option in options),
            expected="a tensor parallelism that divides the attention heads",
            fix="use a pool whose GPU count fits the model",
        )
        return
    starts = best.fit.fits is True
    code = "LLM_FIT_12" if starts else _code(best)
    message = (
        f"{facts.model_id} starts on pool {pool.name!r} but does not hold {concurrency} requests of full length"
        if starts
        else f"{facts.model_id} does not fit pool {pool.name!r}"
    )
    fixes = []
    if works is not None:
        fixes.append(f"use parallelism {works.describe().split(':')[0]}, or leave it to the planner")
    if (length := best.fit.estimated_max_len) is not None and length > 0:
        fixes.append(f"set max_model_len to at most {length:,}")
    if code == "LLM_FIT_12" and (held := int(best.concurrency)) > 0:
        fixes.append(f"lower concurrency to at most {held:,}")
    if code == "LLM_FIT_1":
        fixes.append("quantize the model, or use a pool with more GPU memory")
    else:
        # What is short is the cache, and not the weights.
        cheaper = getattr(endpoint.engine, "kv_cache_dtype", "") == "auto" and _caches_fp8(pool)
        fixes.append(('set kv_cache_dtype="fp8", or ' if cheaper else "") + "use a pool with more GPU memory")
    findings.error(
        code,
        endpoint,
        path,
        message,
        found="; ".join(option.describe() for option in ((best,) if endpoint.parallelism else usable)),
        expected=works.describe() if works else "more GPU memory than this pool has",
        fix="; or ".join(fixes),
        runtime_message=best.fit.engine_error,
    )


def _caches_fp8(pool: PoolPlan) -> bool:
    gpu = find_gpu(pool.gpu)
    return gpu is not None and takes_fp8_cache(gpu)


def _code(option: Candidate) -> str:
    """The misfit has one of two names: the weights are too large, or the cache is too small for the context."""
    available = option.fit.kv_cache_memory_gib
    return "LLM_FIT_9" if available is not None and available > 0 else "LLM_FIT_1"
