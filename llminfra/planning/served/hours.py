"""Replicas and nodes over a week, where an endpoint keeps more in its working hours."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.spec.compute.working_hours import Day, WorkingHours
from llminfra.spec.endpoint import Autoscaling

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def fewest_by_minute(endpoint: Endpoint, *, longer_min: int = 0) -> list[int]:
    """The fewest replicas in each minute of a week, Monday first; ``longer_min`` after the hours' end still.

    Clocks of several time zones are laid over each other as if they were one: what is summed up of them is off where
    they overlap in another way.
    """
    replicas = endpoint.replicas
    week = [replicas if isinstance(replicas, int) else replicas.min] * _WEEK_MIN
    for item in working_hours(endpoint):
        for day in item.days:
            midnight = get_args(Day).index(day) * _DAY_MIN
            for minute in range(midnight + _minute(item.start), midnight + _minute(item.end) + longer_min):
                week[minute % _WEEK_MIN] = max(week[minute % _WEEK_MIN], item.min)
    return week


def mean_replicas(endpoint: Endpoint) -> float:
    """The fewest replicas, in the mean of a week."""
    return sum(fewest_by_minute(endpoint)) / _WEEK_MIN


def mean_nodes(
    placed: Iterable[tuple[Endpoint, int]], gpus_per_node: int, *, empty_s: int, least: int, most: int
) -> float:
    """Nodes for the fewest replicas, in the mean of a week.

    Args:
        placed: Endpoints of a pool with the GPUs of a replica.
        gpus_per_node: GPUs of a node.
        empty_s: How long a node stays after its last replica, which itself stays for its cooldown.
        least: Nodes that are kept in any case.
        most: Nodes that the pool may have.
    """
    weeks = [
        [count * gpus for count in fewest_by_minute(endpoint, longer_min=(_cooldown_s(endpoint) + empty_s) // 60)]
        for endpoint, gpus in placed
    ]
    needed = [-(-sum(minute) // gpus_per_node) for minute in zip(*weeks, strict=True)]
    kept: int = sum(min(most, max(least, nodes)) for nodes in needed)
    return kept / _WEEK_MIN


def _cooldown_s(endpoint: Endpoint) -> int:
    return endpoint.replicas.cooldown_s if isinstance(endpoint.replicas, Autoscaling) else 0


def _minute(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)
