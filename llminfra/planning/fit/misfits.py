"""Findings about models that a pool does not hold as declared, with changes that would help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.fit.remedies import fewer_context_ranks, longest, misfits, more_nodes, other_type, remedies
from llminfra.planning.spread.choosing import choose
from llminfra.planning.spread.parallelism import Candidate, as_arguments
from llminfra.spec.compute.gpu_pool import GpuPool
from llminfra.spec.endpoint import Parallelism

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.spread.spreads import Question

_TOLD = 3
_MARGIN_TOLD = 1.05
"""From this factor on the longest context that starts and the one that is proposed are told apart."""
_CODES = {"LLM_MEM_1": "LLM_FIT_1", "LLM_MEM_2": "LLM_FIT_1", "LLM_MEM_3": "LLM_FIT_9"}
NOTHING = "no change of a setting, and no instance type of the catalog, holds it: use a smaller or quantized model"


def report_misfit(
    question: Question, options: tuple[Candidate, ...], declared: Candidate | None, findings: Findings
) -> None:
    """Report the declared misfit, or the nearest of all, and what would work."""
    endpoint, pool, facts = question.endpoint, question.pool, question.facts
    concurrency, path = question.promise.concurrency, f"endpoints.{endpoint.name}"
    # Machines of other targets are planned as a pool that nobody declared, under the name of their type.
    place = f"pool {pool.name!r}" if isinstance(endpoint.on, GpuPool) else pool.name
    ranked = misfits(options)
    best = declared or ranked[0]
    if best.problems:
        ranks = fewer_context_ranks(question, options)
        findings.error(
            "LLM_FIT_2",
            endpoint,
            path,
            f"no spread over {place} divides {facts.model_id} evenly",
            found=_nearest(ranked),
            expected="a tensor parallelism that divides the attention heads",
            fix=(ranks.text if ranks else other_type(question)) or "use a pool whose GPU count fits the model",
        )
        return
    starts = best.fit.fits is True
    code = "LLM_FIT_12" if starts else _CODES.get(best.code, best.code)
    found = _that_holds(question, options, declared) if declared else None
    fixes = [f"set parallelism=Parallelism({as_arguments(found.parallelism)}), or leave it out"] if found else []
    fixes += _changes(question, (declared,) if declared else options, code, known=bool(fixes))
    findings.error(
        code,
        endpoint,
        path,
        f"{facts.model_id} starts on {place} but does not hold {concurrency} requests of full length"
        if starts
        else f"{facts.model_id} does not fit {place}",
        found=declared.describe() if declared else _nearest(ranked),
        expected=found.describe() if found else _expected(question, best, code),
        fix="; or ".join(fixes) or NOTHING,
        runtime_message=best.fit.engine_error,
    )


def _that_holds(question: Question, options: tuple[Candidate, ...], declared: Candidate) -> Candidate | None:
    """The spread that would do: with experts spread where they were asked for, if one does."""
    wanted = declared.parallelism
    if wanted.expert:
        per_node, copies = question.pool.gpus_per_node, question.engine.kind == "vllm"
        shapes = [
            Parallelism(tensor=size, data=gpus // size, expert=True)
            for gpus in sorted({wanted.gpus, *question.gpus_of_replicas()})
            for size in range(1, per_node + 1)
            if gpus % size == 0 and per_node % size == 0 and (copies or gpus == size)
        ]
        kept = tuple(question.judge(shape) for shape in shapes if not shape.data == shape.tensor == 1)
        if (held := choose(kept, question.promise).chosen) is not None:
            return held
    return choose(options, question.promise).chosen


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
        fixes += elsewhere(question)
    held = max((int(option.concurrency) for option in tried if option.fit.fits is True), default=0)
    if code == "LLM_FIT_12" and held:
        fixes.append(f"lower concurrency to at most {held:,}, which is what one replica holds, and add replicas")
    elif code in {"LLM_FIT_9", "LLM_FIT_12"} and (length := longest(question, tried)) is not None:
        most = max((option.fit.estimated_max_len or 0 for option in tried), default=0)
        margin = ", which leaves room for the estimate's error" if most >= _MARGIN_TOLD * length else ""
        fixes.append(f"set max_model_len to at most {length:,}{margin}")
    return fixes


def elsewhere(question: Question) -> list[str]:
    """Other machines that hold it, in words: more nodes, another instance type."""
    wider = more_nodes(question)
    return [text for text in (wider.text if wider else "", other_type(question)) if text]
