"""Replicas and nodes over a week, where an endpoint keeps more in its working hours."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.spec.compute.working_hours import Day, WorkingHours
from llminfra.spec.endpoint import Autoscaling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llminfra.spec.endpoint import Endpoint

_DAY_MIN = 24 * 60
_WEEK_MIN = 7 * _DAY_MIN


def working_hours(endpoint: Endpoint) -> tuple[WorkingHours, ...]:
    """The declared hours, if any."""
    replicas = endpoint.replicas
    return tuple(replicas.working_hours) if isinstance(replicas, Autoscaling) else ()


def fewest_in_hours(endpoint: Endpoint) -> int:
    """The fewest replicas at the hours that keep most; 0: none are declared."""
    return max((item.min for item in working_hours(endpoint)), default=0)


def hours_a_month(hours: WorkingHours) -> float:
    """How long they are in a month of the usual length."""
    minutes: int = len(hours.days) * (_minute(hours.end) - _minute(hours.start))
    return minutes / _WEEK_MIN * HOURS_PER_MONTH


def fewest_by_minute(endpoint: Endpoint, *, longer_min: int = 0, season: dt.date | None = None) -> list[int]:
    """The fewest replicas in each minute of a week, Monday first; ``longer_min`` after the hours' end still.

    Args:
        endpoint: With its working hours.
        longer_min: Minutes that replicas stay after the hours.
        season: Day whose clocks tell what UTC has when it is so late in a time zone; ``None``: the week is one of the
            hours' own clock, which is the same for all.
    """
    replicas = endpoint.replicas
    week = [replicas if isinstance(replicas, int) else replicas.min] * _WEEK_MIN
    for item in working_hours(endpoint):
        ahead = 0 if season is None else _ahead_min(item.time_zone, season)
        for day in item.days:
            midnight = get_args(Day).index(day) * _DAY_MIN - ahead
            for minute in range(midnight + _minute(item.start), midnight + _minute(item.end) + longer_min):
                week[minute % _WEEK_MIN] = max(week[minute % _WEEK_MIN], item.min)
    return week


_SEASONS = (dt.date(2026, 1, 15), dt.date(2026, 7, 15))
"""A day of either half of the year: most places have daylight saving time at one of them, or never. The weeks between
two places' changes of the clock, three or four a year for Europe and the United States, are neglected."""


def clocks(endpoints: Iterable[Endpoint]) -> tuple[str, ...]:
    """Time zones of working hours, in order."""
    return tuple(sorted({item.time_zone for endpoint in endpoints for item in working_hours(endpoint)}))


def _seasons(endpoints: Iterable[Endpoint]) -> tuple[dt.date | None, ...]:
    """Weeks to look at: one where all hours are by one clock, else one of winter and one of summer, both in UTC."""
    return _SEASONS if len(clocks(endpoints)) > 1 else (None,)


def _ahead_min(time_zone: str, day: dt.date) -> int:
    """Minutes that a zone's clocks are ahead of UTC at noon of a day; 0 where this machine does not know the zone."""
    try:
        offset = dt.datetime.combine(day, dt.time(12), ZoneInfo(time_zone)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError):  # LLM_REF_7 tells of zones that there are not
        return 0
    return int(offset.total_seconds()) // 60 if offset is not None else 0


def mean_replicas(endpoint: Endpoint) -> float:
    """The fewest replicas, in the mean of a week; of winter's and summer's where hours are by several clocks."""
    seasons = _seasons([endpoint])
    return sum(sum(fewest_by_minute(endpoint, season=season)) for season in seasons) / _WEEK_MIN / len(seasons)


def mean_nodes(endpoints: Iterable[Endpoint], nodes_for: Callable[[Sequence[int]], int], *, empty_s: int) -> float:
    """Nodes for the fewest replicas, in the mean of a week; of winter's and summer's where hours are by several clocks.

    Args:
        endpoints: Those of a pool.
        nodes_for: Nodes that the pool has for so many replicas of each of them.
        empty_s: How long a node stays after its last replica, which itself stays for its cooldown.
    """
    there = tuple(endpoints)
    seasons = _seasons(there)
    minutes: Counter[tuple[int, ...]] = Counter()
    for season in seasons:
        weeks = [fewest_by_minute(item, longer_min=_longer_min(item, empty_s), season=season) for item in there]
        minutes.update(zip(*weeks, strict=True))
    return sum(nodes_for(counts) * times for counts, times in minutes.items()) / _WEEK_MIN / len(seasons)


def _longer_min(endpoint: Endpoint, empty_s: int) -> int:
    return (_cooldown_s(endpoint) + empty_s) // 60


def _cooldown_s(endpoint: Endpoint) -> int:
    return endpoint.replicas.cooldown_s if isinstance(endpoint.replicas, Autoscaling) else 0


def _minute(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)
