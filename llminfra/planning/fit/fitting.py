"""Finds the spread of an endpoint over GPUs, or says why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from llminfra.planning.fit.declared import check_declared, check_place, report_uneven
from llminfra.planning.fit.default_step import check_default_step
from llminfra.planning.fit.held_surely import report_less_at_least
from llminfra.planning.fit.latency_targets import report_targets
from llminfra.planning.fit.levers import BESIDE_BUDGET
from llminfra.planning.fit.misfits import report_misfit
from llminfra.planning.fit.remedies import remedies
from llminfra.planning.spread.choosing import Choice, chance, choose, worth_telling
from llminfra.planning.spread.parallelism import Candidate
from llminfra.spec.endpoint import Parallelism

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.spread.parallelism import Promise
    from llminfra.planning.spread.spreads import Question


class Spread(Struct, frozen=True, kw_only=True):
    """The chosen candidate, why it was chosen, and others that were looked at."""

    chosen: Candidate
    why: str
    others: tuple[str, ...]


def find_spread(question: Question, findings: Findings) -> Spread | None:
    """The declared spread when it works, else the cheapest that keeps the promise; ``None`` leaves a finding."""
    spread = _find(question, findings)
    if spread is not None and question.engine.judged and spread.chosen.fit.tight:
        endpoint = question.endpoint
        roomier = "; or ".join(item.text for item in remedies(question, (spread.chosen,), strict=True))
        findings.warning(
            "LLM_MEM_6",
            endpoint,
            f"endpoints.{endpoint.name}",
            f"{question.facts.model_id} fits pool {question.pool.name!r} by less than the estimate may be wrong",
            found=spread.chosen.fit.reason.split(": ", 1)[-1],
            expected="more memory left beside one request of full length than the estimate's error",
            fix=roomier or "lower max_model_len, or use more GPUs",
        )
    if spread is not None:
        if question.engine.judged:
            report_less_at_least(question, spread.chosen, findings)
        report_uneven(question, spread.chosen, findings)
    return spread


def _find(question: Question, findings: Findings) -> Spread | None:
    wanted, promise = question.endpoint.parallelism, question.promise
    if not question.engine.judged:
        why = "as declared; what the server does with the memory is its own business"
        chosen = _weights_alone(question.judge(wanted or Parallelism()))
        return Spread(chosen=chosen, why=why, others=()) if check_place(question, chosen, (), findings) else None
    options = question.options()
    if not check_default_step(question, options, findings):
        return None
    if wanted is None:
        choice = choose(options, promise)
        if choice.chosen is None:
            report_misfit(question, options, None, findings)
            return None
        if not choice.keeps_slo and not report_targets(question, choice.chosen, findings, choice.dearer):
            return None
        return Spread(
            chosen=choice.chosen,
            why=_why(promise, choice.chosen, choice),
            others=tuple(
                _told(option, choice.chosen, promise) + _with_a_change(question, option) for option in choice.others
            ),
        )
    declared = question.judge(wanted)
    if not check_declared(question, declared, options, findings):
        return None
    if not declared.meets(promise.concurrency):
        report_misfit(question, options, declared, findings)
        return None
    if declared.miss(promise.slo) > 1:
        faster = next(
            (item for item in options if item.meets(promise.concurrency) and item.miss(promise.slo) <= 1), None
        )
        if not report_targets(question, declared, findings, faster):
            return None
    rest = [option for option in options if option.parallelism != wanted and option.meets(promise.concurrency)]
    told = worth_telling(tuple(rest), declared, promise)
    return Spread(chosen=declared, why="as declared", others=tuple(_told(option, declared, promise) for option in told))


def _weights_alone(chosen: Candidate) -> Candidate:
    """What is sure of a server that nobody here knows: no cache, no requests at once, no speed and no price of tokens.

    The figures of an engine that is known would be taken for the server's own.
    """
    sure = tuple(line for line in chosen.fit.explain if line.startswith(("model: ", "weights ", "GPU ")))
    fit = chosen.fit.model_copy(update={**dict.fromkeys(_OF_ENGINES), "explain": sure})
    return replace(chosen, fit=fit, performance=None, usd_per_million_tokens=None)


_OF_ENGINES = (
    "kv_cache_memory_gib",
    "later_cache_gib",
    "kv_cache_tokens",
    "max_concurrency",
    "estimated_max_len",
    "non_torch_gib",
    "activation_peak_gib",
    "cuda_graph_gib",
    "budget_gib",
)
"""What an engine makes of a device, in the words of `FitResult`."""


def _with_a_change(question: Question, option: Candidate) -> str:
    """What would let a spread start that only lacks memory beside its budget; empty for others."""
    declared = getattr(question.endpoint.engine, "gpu_memory_utilization", None)
    if option.code not in BESIDE_BUDGET or declared is not None or question.pool.spec.sharing is not None:
        return ""
    found = next(iter(remedies(question, (option,), strict=True)), None)
    if found is None or found.gives.parallelism != option.parallelism:
        return ""
    holds = f"{found.gives.concurrency:.1f} requests of full length at once"
    return f"; {found.text} and it holds {holds}, with {found.gives.latency}"


def _told(option: Candidate, chosen: Candidate, promise: Promise) -> str:
    """Another spread as an alternative; one that does not do begins with ``not`` and ends with why."""
    text = option.describe()
    if option.problems or option.fit.fits is not True:
        return f"not {text}"
    if not option.meets(promise.concurrency):
        return f"not {text}, and {promise.concurrency} are asked for"
    if option.fit.tight and not chosen.fit.tight:
        text = f"not {text}"
    if promise.slo is None:
        return text
    text += f", {option.latency}"
    miss = option.miss(promise.slo)
    if miss <= 1 or miss <= chosen.miss(promise.slo):
        return text
    spread = option.performance.spread if option.performance else 1.0
    within = f", by less than the estimate's factor of {spread:g}:" if miss <= spread else ","
    return f"{'' if text.startswith('not ') else 'not '}{text}{within} slower than the latency targets"


def _why(promise: Promise, chosen: Candidate, choice: Choice) -> str:
    what = f"fewest GPUs that hold {promise.concurrency} request{'s' if promise.concurrency > 1 else ''} of full length"
    other = choice.per_token or choice.plainer
    tokens = ""
    if other is not None:
        mine, its = (f"${option.usd_per_million_tokens or 0:,.2f}" for option in (chosen, other))
        tokens = f"; of as many GPUs, {other.shape} has tokens for {its} a million when full, not {mine}"
        callers = f"{promise.concurrency} caller{'s' if promise.concurrency > 1 else ''}"
        tokens += f", but is slower for {callers} ({other.latency})" if choice.per_token else " (and would be plainer)"
    if promise.slo is None or chosen.performance is None:
        return what + tokens
    figures = f"({chosen.latency}, estimated)"
    if choice.dearer is not None:
        return (
            f"{what} and miss the latency targets by less than the estimate may be wrong {figures}: "
            f"{choice.dearer.shape} would have {choice.dearer.latency} for {_ratio(choice.dearer, chosen)} times the "
            f"price, and keep them with {_chances(choice.dearer, chosen, promise)}{tokens}"
        )
    if not choice.keeps_slo:
        return f"nearest to the latency targets among those that hold {promise.concurrency} {figures}{tokens}"
    why = f"{what} and keep the latency targets {figures}"
    if choice.cheaper is not None:
        cheaper = choice.cheaper
        why += (
            f"; {cheaper.shape} would have {cheaper.latency} at 1/{_ratio(chosen, cheaper)} of the price, and the "
            f"targets are kept with {_chances(chosen, cheaper, promise)}: measure it first"
        )
    return why + tokens


def _ratio(dearer: Candidate, cheaper: Candidate) -> str:
    return f"{dearer.parallelism.gpus / cheaper.parallelism.gpus:.3g}"


def _chances(dearer: Candidate, cheaper: Candidate, promise: Promise) -> str:
    return f"a chance of {chance(dearer, promise):.0%} instead of {chance(cheaper, promise):.0%}"
