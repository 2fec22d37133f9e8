"""What would make a model fit: every change that is proposed has been estimated, the cheapest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog import sagemaker
from llminfra.planning.fit import levers
from llminfra.planning.hardware.nics import nic_layout
from llminfra.planning.selection import Option, list_options
from llminfra.planning.served.memory_options import memory_data
from llminfra.planning.spread.choosing import choose
from llminfra.planning.spread.parallelism import Candidate, fitted, judge, shape_of, sized_for
from llminfra.planning.spread.spreads import MOST_NODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llminfra.planning.fit.levers import Lever
    from llminfra.planning.spread.spreads import Question

_SHAPES_TRIED = 4
_SHOWN = 2
_SHORTEST = 512
_LENGTH_STEP = 64
_CONTEXT_RANKS = "LLM_SHAPE_7"

# What costs nothing, then what costs speed, then what costs quality.
_FREE: tuple[Lever, ...] = (levers.small_utilization,)
_DECLARED: tuple[tuple[str, Lever], ...] = (
    ("max_num_batched_tokens", levers.step),
    ("max_num_seqs", levers.sequences),
)
_REST: tuple[Lever, ...] = (
    levers.text_alone,
    levers.adapter_rank,
    levers.adapter_count,
    levers.eager,
    levers.step,
    levers.sequences,
    levers.any_utilization,
    levers.small_cache,
    levers.small_weights,
)
# Of two changes together the first is one of these, which have no size.
_FIRST_OF_TWO: tuple[Lever, ...] = (
    levers.small_cache,
    levers.eager,
    levers.text_alone,
    levers.small_weights,
)


class Remedy(Struct, frozen=True, kw_only=True):
    """A change, and the spread that works with it."""

    text: str
    gives: Candidate


def misfits(options: Iterable[Candidate]) -> list[Candidate]:
    """Spreads that do not do, those that come nearest first."""
    return sorted(options, key=_distance)


def _distance(option: Candidate) -> tuple[bool, bool, float, int]:
    fit = option.fit
    starts = fit.fits is True
    return (
        bool(option.problems),
        not starts,
        -(option.concurrency if starts else _left(option)),
        option.parallelism.gpus,
    )


def _left(option: Candidate) -> float:
    """Share of the device that is left for the cache; less than nothing where the weights exceed it."""
    fit = option.fit
    total = fit.total_gpu_gib or 1.0
    return min(fit.kv_cache_memory_gib or 0.0, total - (fit.weights_gib_per_gpu or 0.0)) / total


def remedies(question: Question, tried: tuple[Candidate, ...], *, strict: bool = False) -> tuple[Remedy, ...]:
    """Changes of settings that keep what was promised: two at most, those that cost least.

    Args:
        question: What was asked.
        tried: Spreads that may be kept, none of which does.
        strict: Whether a tight fit is no help.
    """
    nearest = [option for option in misfits(tried) if not option.problems][:_SHAPES_TRIED]
    shapes = sorted(nearest, key=lambda option: option.parallelism.gpus)
    found: list[Remedy] = []
    for lever in _ordered(question):
        remedy = _first(question, lever, shapes, strict=strict)
        if remedy is not None and _setting(remedy) not in {_setting(item) for item in found}:
            found.append(remedy)
        if len(found) == _SHOWN:
            return tuple(found)
    return tuple(found) or _two_together(question, shapes, strict=strict)


def _setting(remedy: Remedy) -> str:
    """What is changed, without how far."""
    return remedy.text.rpartition(" ")[0]


def _ordered(question: Question) -> tuple[Lever, ...]:
    declared = [lever for name, lever in _DECLARED if getattr(question.endpoint.engine, name, None) is not None]
    return (*_FREE, *declared, *(lever for lever in _REST if lever not in declared))


def _two_together(question: Question, shapes: list[Candidate], *, strict: bool) -> tuple[Remedy, ...]:
    for index, outer in enumerate(_FIRST_OF_TWO):
        rest = [lever for lever in _ordered(question) if lever not in _FIRST_OF_TWO[: index + 1]]
        for option in shapes[:1]:
            for text, changed in outer(question, option):
                middle = judge(changed.facts, changed.case, changed.pool, option.parallelism, promise=changed.promise)
                for lever in rest:
                    remedy = _first(changed, lever, [middle], strict=strict)
                    if remedy is not None:
                        return (Remedy(text=f"{text} and {remedy.text}", gives=remedy.gives),)
    return ()


def _first(question: Question, lever: Lever, shapes: list[Candidate], *, strict: bool) -> Remedy | None:
    """The smallest change of one kind that does, of those that leave the fewest GPUs as they are."""
    tight: Remedy | None = None
    for option in shapes:
        trials = list(lever(question, option))
        # What the largest change does not mend, none does; a share of the device has no largest.
        if len(trials) > 2 and "utilization" not in trials[0][0] and _works(trials[-1][1], option) is None:
            continue
        for text, changed in trials:
            works = _works(changed, option)
            if works is None:
                continue
            if not works.fit.tight:
                return Remedy(text=text, gives=works)
            tight = tight or Remedy(text=text, gives=works)
    return None if strict else tight


def _works(question: Question, option: Candidate) -> Candidate | None:
    """The spread under a changed question, where it holds what was promised; memory is asked before anything else."""
    shape, promise = option.parallelism, question.promise
    fit, problems = fitted(question.facts, sized_for(question.case, shape), shape)
    if fit.fits is not True or problems or (fit.replica_concurrency or 0.0) < promise.concurrency:
        return None
    found = question.judge(shape)
    allowed = found.performance.spread if found.performance else 1.0
    return found if found.meets(promise.concurrency) and found.miss(promise.slo) <= allowed else None


def fewer_context_ranks(question: Question, tried: tuple[Candidate, ...]) -> Remedy | None:
    """The most context ranks that share out copies of a head, or none, where it is only they that do not divide."""
    ranks = min(question.case.decode_context_parallel or 1, max(option.parallelism.tensor for option in tried) + 1)
    if not any(problem.code == _CONTEXT_RANKS for option in tried for problem in option.problems):
        return None
    names: dict[str, str] = memory_data()["counted"][question.engine.kind]
    flag = next(name for name, setting in names.items() if setting == "decode_context_parallel")
    for count in range(ranks - 1, 0, -1):
        changed = levers.changed(question, decode_context_parallel=count)
        for option in misfits(tried):
            works = _works(changed, option)
            if works is not None:
                return Remedy(text=f"set {flag} to {count}" if count > 1 else f"leave {flag} out", gives=works)
    return None


def more_nodes(question: Question) -> Remedy | None:
    """EFA for a pool that has none, or more nodes for one that has too few, where a replica over nodes does."""
    pool, engine = question.pool, question.engine
    on = getattr(question.endpoint.on, "kind", "pool")
    main = pool.main_type
    if not engine.spans_nodes or pool.spec.sharing is not None or not main.efa_interfaces or "sagemaker" in on:
        return None
    nics = pool.nics or nic_layout(main)
    wider = replace(pool, nics=nics, efa_per_node=sum(nic.has_efa for nic in nics), max_nodes=MOST_NODES)
    changed = replace(question, pool=wider)
    choice = choose(tuple(option for option in changed.options() if option.nodes > 1), question.promise)
    if choice.chosen is None:
        return None
    changes = [] if pool.efa_per_node else ["efa=True"]
    if (
        on == "pool" and choice.chosen.nodes > pool.max_nodes
    ):  # instances outside the cluster are as many as replicas need
        changes.append(f"nodes=({pool.min_nodes}, {choice.chosen.nodes})")
    if not changes:
        return None
    what = f"{' and '.join(changes)} on pool {pool.name!r}" if on == "pool" else f"Ec2({', '.join(changes)})"
    text = f"set {what}: {choice.chosen.shape} over {choice.chosen.nodes} nodes holds it"
    return Remedy(text=text + _dollars(choice.chosen.usd_per_hour, "a replica"), gives=choice.chosen)


def other_type(question: Question) -> str:
    """The cheapest instance type that would do, empty where none does.

    Where the region has prices of some types alone, the others are ranked by the region whose order is taken.
    """
    promise, case = question.promise, question.case
    hosted = "sagemaker" in getattr(question.endpoint.on, "kind", "")
    if question.pool.spec.sharing is not None:
        case = case.model_copy(update={"gpu_memory_utilization": None})
    options = list_options(
        question.facts,
        case,
        question.region,
        concurrency=promise.concurrency,
        load=promise.load(case.max_model_len, question.facts),
        release=question.release,
        sort_by="instance",
    )
    here = {item.name for item in question.pool.instance_types}
    if question.pool.spec.sharing is not None:
        own = next((item for item in options if item.fits and item.instance_type in here), None)
        if own is not None and own.parallelism is not None:
            return (
                f"leave sharing out of pool {question.pool.name!r}: {shape_of(own.parallelism)} of whole GPUs holds it"
            )
    there = [item for item in options if item.fits and item.offered is not False and item.instance_type not in here]
    there = [item for item in there if not hosted or sagemaker.hosts(item.instance_type)]
    good = sorted((item for item in there if _keeps(item, question)), key=_likely_price)
    best = next((item for item in good if not item.tight), next(iter(good), None))
    if best is None or best.parallelism is None:
        return ""
    name = f"ml.{best.instance_type}" if hosted else best.instance_type
    price = "" if hosted else _dollars(best.usd_per_hour, "an instance")
    return f"use {name}, where {shape_of(best.parallelism)} holds it{price}"


def _likely_price(option: Option) -> float:
    usd = option.usd_per_hour if option.order_usd_per_hour is None else option.order_usd_per_hour
    return float("inf") if usd is None else usd * option.nodes


def _keeps(option: Option, question: Question) -> bool:
    slo = question.promise.slo
    pairs = (
        ((option.ttft_ms, slo.time_to_first_token_ms), (option.tpot_ms, slo.time_per_output_token_ms)) if slo else ()
    )
    return all(wanted is None or found is None or found <= wanted for found, wanted in pairs)


def _dollars(usd: float | None, of: str) -> str:
    return "" if usd is None else f" (${usd:,.2f}/h {of})"


def longest(question: Question, tried: tuple[Candidate, ...]) -> int | None:
    """The longest context that starts and holds the requests on one of the spreads; ``None`` where none is useful."""
    usable = [option for option in misfits(tried) if not option.problems][:1]
    for option in usable:
        most = (option.fit.max_model_len or 0) // _LENGTH_STEP
        for strict in (True, False):
            low, high = _SHORTEST // _LENGTH_STEP - 1, most
            while high - low > 1:
                middle = (low + high) // 2
                works = _works(levers.changed(question, max_model_len=middle * _LENGTH_STEP), option)
                if works is not None and not (strict and works.fit.tight):
                    low = middle
                else:
                    high = middle
            if low * _LENGTH_STEP >= _SHORTEST:
                return low * _LENGTH_STEP
    return None
