"""Which spread is taken, and which others are worth knowing (docs/performance.md has the rules and their reasons)."""

from __future__ import annotations

import math

from msgspec import Struct

from llminfra.planning.spread.parallelism import Candidate, Promise

_SHOWN = 2
# From this price factor on it is asked whether the dearer spread earns it.
_MUCH_CHEAPER = 2
# Eight of ten figures lie within the stated factor: so many standard deviations of a normal distribution of logarithms.
_DEVIATIONS = 1.2816


class Choice(Struct, frozen=True, kw_only=True):
    """The chosen candidate, two others worth knowing, and whether the chosen one keeps the targets.

    Attributes:
        chosen: What is taken; ``None`` where nothing holds the requests.
        others: Those to be told.
        keeps_slo: Whether the estimate of the chosen one keeps the targets.
        dearer: Keeps the targets at twice the price or more, and was not taken because the chosen one misses them by
            less than the estimate can tell.
        cheaper: Half the price or less, and misses the targets by less than the estimate's uncertainty, but by too
            much to be taken.
        per_token: As many GPUs as the chosen one, and tokens that are cheaper by more than the uncertainty when it is
            full, but slower for one caller.
        plainer: As many GPUs as the chosen one, which was taken because its tokens are cheaper.
    """

    chosen: Candidate | None
    others: tuple[Candidate, ...]
    keeps_slo: bool = True
    dearer: Candidate | None = None
    cheaper: Candidate | None = None
    per_token: Candidate | None = None
    plainer: Candidate | None = None


def choose(options: tuple[Candidate, ...], promise: Promise) -> Choice:
    """The cheapest option that holds the requests and keeps the targets.

    One that holds them by less than the estimate may be wrong is taken where there is no other. Where none keeps the
    targets, the one that comes nearest. Where one of half the price or less misses the targets by less than the
    uncertainty, the dearer must earn its price; where none holds the requests, nothing is taken.
    """
    good = [option for option in options if option.meets(promise.concurrency)]
    if not good:
        return Choice(chosen=None, others=())
    good = [option for option in good if not option.fit.tight] or good
    keeping = [option for option in good if option.miss(promise.slo) <= 1]
    first = _cheapest(keeping, promise) if keeping else min(good, key=lambda option: option.miss(promise.slo))
    near = [option for option in good if _much_cheaper(option, first) and option.miss(promise.slo) <= _spread(option)]
    taken = [option for option in near if not _earns_its_price(first, option, promise)]
    chosen = _cheapest(taken, promise) if taken else first
    rivals = [option for option in (taken or keeping) if option.parallelism.gpus == chosen.parallelism.gpus]
    plainest = min(rivals, key=cost, default=chosen)
    cheaper = None if taken else min(near, key=lambda option: option.miss(promise.slo), default=None)
    dearer, plainer = first if taken else None, plainest if plainest is not chosen else None
    per_token = _cheaper_tokens(rivals, chosen)
    return Choice(
        chosen=chosen,
        others=worth_telling(options, chosen, promise, first=(dearer, cheaper, per_token, plainer)),
        keeps_slo=chosen.miss(promise.slo) <= 1,
        dearer=dearer,
        cheaper=cheaper,
        per_token=per_token,
        plainer=plainer,
    )


def chance(option: Candidate, promise: Promise) -> float:
    """How likely an option keeps the targets, by how far the estimates were off published figures (0 to 1)."""
    found, slo = option.performance, promise.slo
    if found is None or slo is None:
        return 1.0
    pairs = (
        (found.tpot_ms, slo.time_per_output_token_ms, found.tpot_spread),
        (found.ttft_ms, slo.time_to_first_token_ms, found.ttft_spread),
    )
    return min(
        (
            0.5 * (1 + math.erf(math.log(wanted / value) / (math.log(spread) / _DEVIATIONS * math.sqrt(2))))
            for value, wanted, spread in pairs
            if wanted
        ),
        default=1.0,
    )


def _earns_its_price(dearer: Candidate, cheaper: Candidate, promise: Promise) -> bool:
    """Whether the targets become likelier by at least the factor that keeping them costs."""
    price = dearer.parallelism.gpus / cheaper.parallelism.gpus
    return chance(dearer, promise) >= price * chance(cheaper, promise)


def cost(option: Candidate) -> tuple[int, int, int, bool]:
    """Fewest GPUs, which is cheapest on one pool; among equals the plainest: no copies, no stages, experts cut."""
    spread = option.parallelism
    return spread.gpus, spread.data, spread.pipeline, spread.expert


def worth_telling(
    options: tuple[Candidate, ...],
    chosen: Candidate,
    promise: Promise,
    *,
    first: tuple[Candidate | None, ...] = (),
) -> tuple[Candidate, ...]:
    """Two others: why it is no plainer one, what else would do, and the most telling of the rest.

    What differs from the chosen one, or from one that is told, in its name alone tells nothing.
    """
    good = [option for option in options if option.meets(promise.concurrency) and option.miss(promise.slo) <= 1]
    working = sorted(good, key=lambda option: (not _plain(option), *cost(option)))
    below = [option for option in options if cost(option) < cost(chosen) and option not in working]
    # The plainest with the most GPUs below the chosen one says why those are not enough.
    nearest = sorted(below, key=lambda option: (-option.parallelism.gpus, *cost(option)))
    beyond = sorted((option for option in options if cost(option) > cost(chosen) and option not in working), key=cost)
    plain = [option for option in nearest if option.parallelism.data == 1]
    found: list[Candidate] = []
    for option in (*first, *plain[:1], *working, *nearest, *beyond):
        if option is not None and not any(_same(option, other) for other in (chosen, *found)):
            found.append(option)
    return tuple(found[:_SHOWN])


def _plain(option: Candidate) -> bool:
    """Neither stages nor copies."""
    return option.parallelism.gpus == option.parallelism.tensor


def _same(one: Candidate, other: Candidate) -> bool:
    """Whether two spreads are one, or have the same figures."""
    return one.parallelism == other.parallelism or _figures(one) == _figures(other)


def _figures(option: Candidate) -> tuple[object, ...]:
    return option.parallelism.gpus, option.describe().removeprefix(option.shape), option.latency


def _spread(option: Candidate) -> float:
    return option.performance.spread if option.performance else 1.0


def _much_cheaper(option: Candidate, than: Candidate) -> bool:
    return option.parallelism.gpus * _MUCH_CHEAPER <= than.parallelism.gpus


def _cheapest(options: list[Candidate], promise: Promise) -> Candidate:
    """Fewest GPUs; of as many the plainest, unless another's tokens are cheaper by more than the estimate may be wrong.

    Where targets are declared, whatever keeps them is quick enough. Else nobody has said how slow is too slow, or how
    many will call, and the other must not be noticeably slower for the callers that are promised.
    """
    plainest = min(options, key=cost)
    equals = [option for option in options if option.parallelism.gpus == plainest.parallelism.gpus]
    quick = [option for option in equals if promise.slo is not None or not _slower(option, plainest)]
    return _cheaper_tokens(quick, plainest) or plainest


def _cheaper_tokens(options: list[Candidate], than: Candidate) -> Candidate | None:
    bar = than.usd_per_million_tokens
    if bar is None:
        return None
    priced = [(usd, option) for option in options if (usd := option.usd_per_million_tokens) is not None]
    usd, best = min(priced, key=lambda item: item[0], default=(bar, than))
    return best if usd * _spread(than) < bar else None


def _slower(option: Candidate, than: Candidate) -> bool:
    """Whether a caller waits longer by more than half of the uncertainty, as factors go."""
    if option.performance is None or than.performance is None:
        return True
    found, bar = option.performance, than.performance
    each = found.tpot_ms / bar.tpot_ms if bar.tpot_ms else 0.0  # answers that come whole have no further tokens
    return max(each, found.ttft_ms / bar.ttft_ms) > math.sqrt(bar.spread)
