"""The queue whose workers call an endpoint of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.targets import AsyncPlan


def worked_queue(plan: Plan, endpoint: str) -> AsyncPlan | None:
    """The queue that pods empty through the endpoint: it is there, and is asked, while no replica runs."""
    return next((item for item in plan.async_endpoints if item.workers and item.behind == endpoint), None)
