"""Tolerations of DaemonSets, from the pools' own taints: GPU taints are tolerated by nothing by itself."""

from __future__ import annotations

from collections.abc import Iterable

from llminfra.charts.kubernetes import Toleration, tolerate
from llminfra.planning.plan.infrastructure import PoolPlan


def tolerations_of(pools: Iterable[PoolPlan]) -> list[Toleration]:
    """One toleration for each distinct taint."""
    taints = dict.fromkeys(taint for pool in pools for taint in pool.taints)
    return [tolerate(taint.key, taint.value, taint.effect) for taint in taints]
