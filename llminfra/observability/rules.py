"""All rules of a plan, in groups: one for each endpoint, router and gateway, and the fleet, its GPUs and EFA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.charts.llm_observability import RuleGroup
from llminfra.observability.alerts.disaggregation import role_alerts, router_alerts
from llminfra.observability.alerts.efa import efa_alerts, silent_fabric_alert
from llminfra.observability.alerts.endpoint import endpoint_alerts
from llminfra.observability.alerts.fleet import fleet_alerts
from llminfra.observability.alerts.gateway import gateway_alerts
from llminfra.observability.alerts.gpu import gpu_alerts
from llminfra.observability.recording import endpoint_recordings, fleet_recordings

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from llminfra.planning.plan import Plan


def rule_groups(
    plan: Plan, *, scaled: AbstractSet[str], base_url: str | None = None, efa: bool = True
) -> list[RuleGroup]:
    """Recording rules and alerts of a plan.

    Args:
        plan: The plan.
        scaled: Names of the endpoints that KEDA scales.
        base_url: Where ``docs/runbooks`` is published; ``None``: alerts have no address of it.
        efa: Whether nodes export the counters of their EFA devices.
    """
    if not plan.pools:
        return []
    groups = [
        RuleGroup(name="llm-fleet", recording=fleet_recordings(plan), alerts=fleet_alerts(plan, base_url=base_url)),
        RuleGroup(name="llm-gpus", alerts=gpu_alerts(base_url=base_url)),
    ]
    if efa and any(pool.efa_per_node for pool in plan.pools):
        groups.append(RuleGroup(name="llm-efa", alerts=efa_alerts(base_url=base_url)))
    groups += [
        RuleGroup(
            name=f"llm-endpoint-{item.name}",
            recording=endpoint_recordings(item, plan),
            alerts=[
                *endpoint_alerts(item, base_url=base_url, scaled=item.name in scaled),
                *(silent_fabric_alert(item, base_url=base_url) if efa else ()),
                *role_alerts(item, base_url=base_url),
            ],
        )
        for item in plan.endpoints
    ]
    groups += [
        RuleGroup(name=f"llm-router-{item.name}", alerts=list(router_alerts(item, base_url=base_url)))
        for item in plan.routers
    ]
    groups += [
        RuleGroup(name=f"llm-gateway-{item.name}", alerts=list(gateway_alerts(item, base_url=base_url)))
        for item in plan.gateways
    ]
    return groups
