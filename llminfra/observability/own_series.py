"""What tells the series of a platform from those of others in one Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.observability.promql import selector

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

PLATFORM = "platform"
"""Label of everything that is recorded of a platform on a shared cluster, and of its alerts."""
POOL_INFO = "node:llm_pool:info"
"""Recorded for each node of the platform's pools."""


def own_labels(plan: Plan) -> dict[str, str]:
    """Labels of what is recorded; none where the platform has its cluster and its Prometheus for itself."""
    return {PLATFORM: plan.platform.name} if plan.shared else {}


def own(plan: Plan, record: str) -> str:
    """Selector of a recorded series, of this platform alone."""
    return selector(record, own_labels(plan))


def on_own_nodes(plan: Plan, expr: str) -> str:
    """The series of an expression that has a label ``node``, of the platform's own GPU nodes alone."""
    return f"({expr}) and on (node) {own(plan, POOL_INFO)}" if plan.shared else expr
