"""The shipped dashboards: JSON that ``scripts/dashboards.py`` builds, chosen by what the plan has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

FLEET, ENDPOINT, GPU, EFA = "llm-fleet", "llm-endpoint", "llm-gpu", "llm-efa"
NAMES = (FLEET, ENDPOINT, GPU, EFA)
FOLDER = "LLM"


def dashboards_of(plan: Plan, *, efa: bool = True) -> list[str]:
    """Names of dashboards: what the plan has something to show on.

    Args:
        plan: The plan.
        efa: Whether nodes export the counters of their EFA devices.
    """
    wanted = []
    # Who brings the Prometheus of a shared cluster sees what all record there.
    watches_all = plan.shared and plan.platform.own_observability is not None
    if plan.pools or watches_all:
        wanted += [FLEET, GPU]
    if plan.endpoints or watches_all:
        wanted.append(ENDPOINT)
    if efa and any(pool.efa_per_node for pool in plan.pools):
        wanted.append(EFA)
    return wanted
