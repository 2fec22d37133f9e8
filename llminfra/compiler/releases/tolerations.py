"""Tolerations of DaemonSets, from the pools' own taints: GPU taints are tolerated by nothing by itself."""

from __future__ import annotations

from collections.abc import Iterable

from llminfra.charts.kubernetes import Toleration, tolerate
from llminfra.planning.cluster.pools import GPU_TAINT
from llminfra.planning.plan import Plan
from llminfra.planning.plan.infrastructure import PoolPlan


def tolerations_of(plan: Plan, pools: Iterable[PoolPlan]) -> list[Toleration]:
    """One toleration for each distinct taint of the pools, and of pools that other platforms have in the cluster."""
    taints = dict.fromkeys(taint for pool in pools for taint in pool.taints)
    if plan.shared:
        taints[GPU_TAINT] = None
    return [tolerate(taint.key, taint.value, taint.effect) for taint in taints]
