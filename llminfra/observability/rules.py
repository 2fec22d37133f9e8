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
from llminfra.observability.own_series import own_labels
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
    if not plan.pools and not plan.shared:
        return []
    fleet = fleet_alerts(plan, base_url=base_url)
    if not plan.pools:
        # Who has no GPUs may start nodes for others.
        return [_owned(RuleGroup(name="llm-fleet", alerts=fleet), plan)] if fleet else []
    groups = [
        RuleGroup(name="llm-fleet", recording=fleet_recordings(plan), alerts=fleet),
        RuleGroup(name="llm-gpus", alerts=gpu_alerts(plan, base_url=base_url)),
    ]
    if efa and any(pool.efa_per_node for pool in plan.pools):
        groups.append(RuleGroup(name="llm-efa", alerts=efa_alerts(plan, base_url=base_url)))
    groups += [
        RuleGroup(
            name=f"llm-endpoint-{item.name}",
            recording=endpoint_recordings(item, plan),
            alerts=[
                *endpoint_alerts(item, base_url=base_url, scaled=item.name in scaled),
                *(silent_fabric_alert(item, plan, base_url=base_url) if efa else ()),
                *role_alerts(item, plan, base_url=base_url),
            ],
        )
        for item in plan.endpoints
    ]
    groups += [
        RuleGroup(name=f"llm-router-{item.name}", alerts=list(router_alerts(item, base_url=base_url)))
        for item in plan.routers
    ]
    groups += [
        RuleGroup(name=f"llm-gateway-{item.name}", alerts=list(gateway_alerts(item, plan, base_url=base_url)))
        for item in plan.gateways
    ]
    return [_owned(group, plan) for group in groups]


def _owned(group: RuleGroup, plan: Plan) -> RuleGroup:
    """The group with whose it is on everything that it records and fires, where others record and fire the same."""
    whose = own_labels(plan)
    if not whose:
        return group
    return group.replace(
        recording=[item.replace(labels={**item.labels, **whose}) for item in group.recording],
        alerts=[item.replace(labels={**item.labels, **whose}) for item in group.alerts],
    )
