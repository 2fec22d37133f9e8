"""Findings about models that a pool does not hold as declared, with changes that would help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.fit.remedies import longest, misfits, more_nodes, other_type, remedies
from llminfra.planning.spread.choosing import choose, cost
from llminfra.planning.spread.parallelism import Candidate, as_declared

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.spread.spreads import Question

_TOLD = 3
_SPREADS_TOLD = 4
_CODES = {"LLM_MEM_1": "LLM_FIT_1", "LLM_MEM_2": "LLM_FIT_1", "LLM_MEM_3": "LLM_FIT_9"}
_NOTHING = "no change of a setting, and no instance type of the catalog, holds it: use a smaller or quantized model"


def check_declared(question: Question, declared: Candidate, options: tuple[Candidate, ...], findings: Findings) -> bool:
    """Report a declared spread that the engine, the model or the pool cannot have."""
    endpoint, pool, wanted = question.endpoint, question.pool, declared.parallelism
    path = f"endpoints.{endpoint.name}.parallelism"
    fix = _spread_fix(question, declared, options) if declared.problems else ""
    for problem in declared.problems:
        findings.error(
            problem.code,
            endpoint,
            path,
            problem.message,
            found=as_declared(wanted),
            expected=_spreads_that_do(question, declared, options),
            fix=fix,
            runtime_message=problem.runtime_message,
        )
    most = pool.gpus_per_node * pool.max_nodes
    if declared.nodes > 1 and not question.engine.spans_nodes:
        findings.error(
            "LLM_FIT_16",
            endpoint,
            path,
            f"{question.engine.kind} does not span nodes here",
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
            fix=fix or _spread_fix(question, declared, options, whole_nodes=True),
        )
    else:
        return not declared.problems
    return False


def _working(question: Question, options: tuple[Candidate, ...]) -> list[Candidate]:
    """Spreads that hold the requests, the cheapest first, each figure once."""
    good = sorted((option for option in options if option.meets(question.promise.concurrency)), key=cost)
    seen: dict[tuple[int, str], Candidate] = {}
    for option in good:
        seen.setdefault((option.parallelism.gpus, option.describe().removeprefix(option.shape)), option)
    return list(seen.values())


def _spreads_that_do(question: Question, declared: Candidate, options: tuple[Candidate, ...]) -> str:
    """Spreads that hold the requests: of the declared kind, where there are such."""
    good = _working(question, options)
    alike = [option for option in good if option.parallelism.data == 1 and option.parallelism.pipeline == 1]
    good = alike if declared.parallelism.gpus == declared.parallelism.tensor and alike else good
    told = "; ".join(as_declared(option.parallelism) for option in good[:_SPREADS_TOLD])
    more = len(good) - _SPREADS_TOLD
    if not told:
        return f"a spread that holds the model; pool {question.pool.name!r} has none"
    return told + (f"; and {more} more" if more > 0 else "")


def _spread_fix(
    question: Question, declared: Candidate, options: tuple[Candidate, ...], *, whole_nodes: bool = False
) -> str:
    """Another spread that has been estimated to do: the nearest to what was declared, and the planner's own choice."""
    wanted, concurrency = declared.parallelism, question.promise.concurrency
    per_node = question.pool.gpus_per_node
    filled = wanted.model_copy(update={"tensor": per_node, "pipeline": -(-wanted.gpus // per_node), "data": 1})
    turned = question.judge(filled if whole_nodes else wanted.model_copy(update={"expert": not wanted.expert}))
    near = ""
    if turned.meets(concurrency) and (question.facts.is_moe or not turned.parallelism.expert):
        spread = as_declared(turned.parallelism)
        near = f"parallelism=Parallelism({spread})" if whole_nodes else f"expert={turned.parallelism.expert}"
    if near and wanted.expert and not question.facts.is_moe:
        return f"set {near}, or leave parallelism to the planner"
    chosen = choose(options, question.promise).chosen
    if chosen is None and not near:
        return "; or ".join(_without_spread(question, options)) or _NOTHING
    names = [f"parallelism=Parallelism({as_declared(chosen.parallelism)})"] if chosen else []
    names += [near] if near not in {"", *names} else []
    return f"set {', or '.join(names)}, or leave parallelism to the planner"


def report_misfit(
    question: Question, options: tuple[Candidate, ...], declared: Candidate | None, findings: Findings
) -> None:
    """Report the declared misfit, or the nearest of all, and what would work."""
    endpoint, pool, facts = question.endpoint, question.pool, question.facts
    concurrency, path = question.promise.concurrency, f"endpoints.{endpoint.name}"
    ranked = misfits(options)
    best = declared or ranked[0]
    if best.problems:
        findings.error(
            "LLM_FIT_2",
            endpoint,
            path,
            f"no spread over pool {pool.name!r} divides {facts.model_id} evenly",
            found=_nearest(ranked),
            expected="a tensor parallelism that divides the attention heads",
            fix=other_type(question) or "use a pool whose GPU count fits the model",
        )
        return
    starts = best.fit.fits is True
    code = "LLM_FIT_12" if starts else _CODES.get(best.code, best.code)
    found = choose(options, question.promise).chosen if declared else None
    fixes = [f"set parallelism=Parallelism({as_declared(found.parallelism)}), or leave it out"] if found else []
    fixes += _changes(question, (declared,) if declared else options, code, known=bool(fixes))
    findings.error(
        code,
        endpoint,
        path,
        f"{facts.model_id} starts on pool {pool.name!r} but does not hold {concurrency} requests of full length"
        if starts
        else f"{facts.model_id} does not fit pool {pool.name!r}",
        found=declared.describe() if declared else _nearest(ranked),
        expected=found.describe() if found else _expected(question, best, code),
        fix="; or ".join(fixes) or _NOTHING,
        runtime_message=best.fit.engine_error,
    )


def _nearest(ranked: list[Candidate]) -> str:
    """The three that come nearest, those of the same figures once, and how many more there are."""
    texts: dict[str, str] = {}
    for option in ranked:
        texts.setdefault(option.describe().removeprefix(option.shape), option.describe())
    told = list(texts.values())[:_TOLD]
    more = len(ranked) - len(told)
    return "; ".join(told) + (f"; and {more} other spreads that come no nearer" if more > 0 else "")


def _expected(question: Question, best: Candidate, code: str) -> str:
    if code == "LLM_FIT_12":
        return f"{question.promise.concurrency} requests of full length at once"
    if code == "LLM_FIT_9":
        return f"{best.fit.kv_needed_gib or 0:.2f} GiB of cache for one request of full length"
    if code == "LLM_FIT_1":
        return "weights and activations that leave room for a cache"
    return "a share of the GPU that leaves room for what the engine takes beside it"


def _changes(question: Question, tried: tuple[Candidate, ...], code: str, *, known: bool) -> list[str]:
    """What would help, in words: at no loss first, then with more hardware, then with less of what was asked for."""
    several = len({option.parallelism for option in tried}) > 1
    kept = remedies(question, tried)
    fixes = [f"{item.text} ({item.gives.shape})" if several else item.text for item in kept[: 1 if known else 2]]
    if not fixes and not known:
        fixes += _elsewhere(question)
    held = max((int(option.concurrency) for option in tried if option.fit.fits is True), default=0)
    if code == "LLM_FIT_12" and held:
        fixes.append(f"lower concurrency to at most {held:,}, which is what one replica holds, and add replicas")
    elif code in {"LLM_FIT_9", "LLM_FIT_12"} and (length := longest(question, tried)) is not None:
        fixes.append(f"set max_model_len to at most {length:,}")
    return fixes


def _without_spread(question: Question, tried: tuple[Candidate, ...]) -> list[str]:
    """What helps where no spread of the pool does: other settings, else other machines."""
    kept = [item.text for item in remedies(question, tried)]
    return kept or _elsewhere(question)


def _elsewhere(question: Question) -> list[str]:
    wider = more_nodes(question)
    return [text for text in (wider.text if wider else "", other_type(question)) if text]
