"""Alerts of the fleet: pods without a node, nodes that do not come, limits, and money."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from llminfra.catalog import quotas
from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.observability.alerts.make import Alerts
from llminfra.observability.own_series import POOL_INFO, own, own_labels
from llminfra.observability.promql import number, selector
from llminfra.planning.controllers.needs import needs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.charts.llm_observability import AlertRule
    from llminfra.planning.plan import Plan

_NEAR_LIMIT = 0.9
_BEFORE_END = dt.timedelta(days=1)
"""As long as the shortest block: who is told may extend one until an hour before it ends."""
# One or two are what spot is; with more of them a pool loads models all the time.
_TAKEN_PER_HOUR = 2
# Reasons of a container that waits and does not start by itself (kubernetes/kubernetes pkg/kubelet/images/types.go and
# pkg/kubelet/kuberuntime/kuberuntime_container.go); CrashLoopBackOff has an alert of its own.
_CANNOT_START = (
    "CreateContainerConfigError|CreateContainerError|ErrImageNeverPull|ErrImagePull|ImageInspectError|ImagePullBackOff|"
    "InvalidImageName|RunContainerError"
)


def fleet_alerts(plan: Plan, *, base_url: str | None) -> list[AlertRule]:
    """Alerts that no single endpoint or GPU causes; without pools, those of who starts nodes for other platforms."""
    make = Alerts(base_url)
    karpenter = plan.eks.autoscaler == "karpenter" and needs_of(plan).karpenter  # one that was there is not scraped
    of_nodes, of_money = (_nodes(plan, make), _money(plan, make)) if plan.pools else ((), ())
    spot = karpenter and any("spot" in pool.capacity_types and pool.provisioner == "karpenter" for pool in plan.pools)
    return [
        *of_nodes,
        *_blocks(plan, make),
        *(_karpenter(make) if karpenter else ()),
        *((_taken_back(make),) if spot else ()),
        *of_money,
    ]


def _nodes(plan: Plan, make: Alerts) -> Iterator[AlertRule]:
    # GPU pods of other platforms are theirs to look after.
    ours = {"namespace": plan.platform.serving_namespace} if plan.shared else {}
    wants = 'max by (namespace, pod) (kube_pod_container_resource_requests{resource="nvidia_com_gpu"} > 0)'
    # A pod that has its node is Pending, too, while images are pulled and weights are copied.
    homeless = selector("kube_pod_status_scheduled", {**ours, "condition": "false"})
    yield make(
        "GpuPodPending",
        "warning",
        f"max by (namespace, pod) ({homeless}) == 1 and on (namespace, pod) {wants}",
        for_s=1200,
        summary="{{ $labels.namespace }}/{{ $labels.pod }} waits for a GPU",
        description="No node for 20 minutes: no capacity, a quota or limit, or a capacity block that has not begun.",
    )
    waits = " or ".join(
        f"max by (namespace, pod, reason) ({selector(series, ours, {'reason': _CANNOT_START})}) > 0"
        for series in ("kube_pod_container_status_waiting_reason", "kube_pod_init_container_status_waiting_reason")
    )
    yield make(
        "GpuPodCannotStart",
        "warning",
        f"({waits}) and on (namespace, pod) {wants}",
        for_s=300,
        summary="{{ $labels.namespace }}/{{ $labels.pod }} does not start: {{ $labels.reason }}",
        description="It holds a GPU and runs nothing: its image cannot be pulled, or a secret or configuration that it "
        "names is not there.",
    )
    yield make(
        "GpuNodeNotReady",
        "warning",
        'kube_node_status_condition{condition="Ready", status="true"} == 0 '
        f"and on (node) max by (node) ({own(plan, POOL_INFO)})",
        for_s=600,
        summary="GPU node {{ $labels.node }} is not ready",
        description="Its GPUs are paid for and serve nobody.",
    )


def _blocks(plan: Plan, make: Alerts) -> Iterator[AlertRule]:
    """One alert for all capacity blocks whose end is declared, with the pool as a label, while there are nodes."""
    times = quotas.capacity_block_times()
    ending = []
    for pool in plan.pools:
        ends = pool.spec.capacity.ends if pool.spec.capacity.kind == "capacity-block" else None
        if ends is not None:
            gone = dt.datetime.combine(ends, dt.time.fromisoformat(times.instances_go_utc), dt.UTC)
            nodes = selector("pool:llm_nodes:count", {**own_labels(plan), "pool": pool.name})
            ending.append(f"({nodes} and on () (vector(time()) >= {int((gone - _BEFORE_END).timestamp())}))")
    if ending:
        yield make(
            "CapacityBlockEnds",
            "warning",
            " or ".join(ending),
            for_s=300,
            summary="The capacity block of pool {{ $labels.pool }} ends within a day",
            description=f"EC2 takes its instances from {times.instances_go_utc} UTC of the last day on, and starts no "
            "others in it.",
        )


def _karpenter(make: Alerts) -> Iterator[AlertRule]:
    yield make(
        "KarpenterNoCapacity",
        "warning",
        'sum by (method) (increase(karpenter_cloudprovider_errors_total{error="InsufficientCapacityError"}[30m])) > 0',
        for_s=900,
        summary="EC2 has no capacity for what Karpenter asks",
        description="More instance types, more zones, or a reservation are the ways out.",
    )
    yield make(
        "KarpenterErrors",
        "warning",
        "sum by (controller, method, error) "
        '(increase(karpenter_cloudprovider_errors_total{error!="InsufficientCapacityError", '
        'error!="NodeClaimNotFoundError"}[15m])) > 0',
        for_s=900,
        summary="Karpenter's calls to AWS fail ({{ $labels.method }} {{ $labels.error }})",
        description="Nodes may neither come nor go: look at the controller's log and at its role.",
    )
    yield make(
        "KarpenterNearLimit",
        "info",
        "max by (nodepool, resource_type) (karpenter_nodepools_usage) "
        f"/ on (nodepool, resource_type) (max by (nodepool, resource_type) (karpenter_nodepools_limit) > 0) "
        f"> {_NEAR_LIMIT}",
        for_s=900,
        summary="Pool {{ $labels.nodepool }} is near its limit of {{ $labels.resource_type }}",
        description="{{ $value | humanizePercentage }} of the limit is used; replicas beyond it stay pending.",
    )
    yield make(
        "KarpenterDown",
        "critical",
        'absent(up{job="karpenter"} == 1)',
        for_s=900,
        summary="Karpenter is down",
        description="No node comes or goes until it is back.",
    )


def _taken_back(make: Alerts) -> AlertRule:
    # The reason is the kind of EC2's notice (aws/karpenter-provider-aws pkg/controllers/interruption/messages).
    taken = 'increase(karpenter_nodeclaims_disrupted_total{reason="spot_interrupted"}[1h])'
    return make(
        "SpotTakenBack",
        "warning",
        f"sum by (nodepool) ({taken}) > {_TAKEN_PER_HOUR}",
        for_s=0,
        summary="EC2 takes spot nodes of {{ $labels.nodepool }} back, one after the other",
        description="{{ $value | humanize }} within the hour: replicas load again and again instead of answering.",
    )


def _money(plan: Plan, make: Alerts) -> Iterator[AlertRule]:
    budget = plan.platform.budget_usd_per_month
    if budget is None or all(pool.usd_per_node_hour is None for pool in plan.pools):
        return
    hourly = number(budget / HOURS_PER_MONTH)
    yield make(
        "BudgetBurn",
        "warning",
        f"avg_over_time({own(plan, 'platform:llm_cost_usd_per_hour:sum')}[1d]) > {hourly}",
        for_s=3600,
        summary="The platform burns more than its budget",
        description=f"${{{{ $value | humanize }}}} an hour over the last day, by list prices; "
        f"${budget:,.0f} a month are ${hourly} an hour.",
    )
