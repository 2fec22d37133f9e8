"""Which cluster-wide parts a plan needs."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from llminfra.planning.cluster.pools import GPU_OPERATOR
from llminfra.planning.endpoints.gateways import route_of
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.infrastructure import PoolPlan
from llminfra.planning.served.hours import working_hours
from llminfra.planning.targets.queues import worked_queue
from llminfra.spec.base.secret import Secret
from llminfra.spec.endpoint import Autoscaling
from llminfra.spec.foundation.alert_receiver import AlertReceiver, PagerDutyAlerts, SlackAlerts

GATEWAY = "envoy-ai-gateway"
"""Name of Envoy Gateway and Envoy AI Gateway, with what they stand on, among charts that are there."""
# NVIDIA/gpu-operator@a22dbf671 assets/state-device-plugin, assets/state-dcgm-exporter.
_OPERATED = frozenset({"nvidia-device-plugin", "dcgm-exporter"})


class Needs(Struct, frozen=True, kw_only=True):
    """Cluster-wide parts to install, each only when something uses it and it is not there already.

    What is to be installed for other platforms on the cluster counts as used.

    ``monitoring`` is a Prometheus of llminfra's own, ``scraped`` that there is any, which finds what to scrape by
    ServiceMonitors. ``keda_queues`` are those that KEDA asks itself; ``secret_store`` is that of External Secrets,
    whoever installed it.
    """

    monitoring: bool
    scraped: bool
    keda: bool
    keda_queues: tuple[str, ...]
    secret_store: bool
    external_secrets: bool
    lws: bool
    gateway: bool
    load_balancer: bool
    fsx_csi: bool
    mountpoint_csi: bool
    karpenter: bool
    cluster_autoscaler: bool
    karpenter_pools: tuple[PoolPlan, ...]
    efa_pools: tuple[PoolPlan, ...]
    device_plugin: bool
    dcgm_exporter: bool
    efa_plugin: bool


def needs_of(plan: Plan) -> Needs:
    """What this plan needs."""
    queues = tuple(item.name for item in plan.async_endpoints if item.workers)
    there = {*(item.name for item in plan.eks.addons), *plan.eks.installed}
    if GPU_OPERATOR in there:
        there |= _OPERATED
    scraped = plan.platform.observability is not None

    def to_install(chart: str, used: bool) -> bool:
        return (used or chart in plan.eks.provided) and chart not in there

    karpenter_pools = tuple(item for item in plan.pools if item.provisioner == "karpenter")
    efa_pools = tuple(item for item in plan.pools if item.efa_per_node)
    return Needs(
        monitoring=plan.platform.own_observability is not None,
        scraped=scraped,
        keda=to_install("keda", any(scales(item, plan) for item in plan.endpoints) or any(queues)),
        keda_queues=queues,
        secret_store=bool(secret_names(plan)),
        external_secrets=to_install("external-secrets", bool(secret_names(plan))),
        lws=to_install("lws", any(item.nodes > 1 for item in plan.endpoints)),
        gateway=to_install(GATEWAY, bool(plan.gateways)),
        load_balancer=to_install("aws-load-balancer-controller", any(item.balanced for item in plan.gateways)),
        fsx_csi=to_install("aws-fsx-csi-driver", bool(plan.lustre)),
        mountpoint_csi=to_install(
            "aws-mountpoint-s3-csi-driver",
            any(item.weights.kind == "mountpoint" or item.adapters for item in plan.endpoints),
        ),
        # In a cluster that is made it is what may add pools later; in one that is there it comes when a pool needs it.
        karpenter=plan.eks.autoscaler == "karpenter"
        and "karpenter" not in there
        and (bool(karpenter_pools) or not plan.eks.existing or "karpenter" in plan.eks.provided),
        cluster_autoscaler=plan.eks.autoscaler == "cluster-autoscaler",
        karpenter_pools=karpenter_pools,
        efa_pools=efa_pools,
        device_plugin=to_install("nvidia-device-plugin", bool(plan.pools)),
        dcgm_exporter=scraped and to_install("dcgm-exporter", bool(plan.pools)),
        efa_plugin=to_install("aws-efa-k8s-device-plugin", bool(efa_pools)),
    )


def scales(endpoint: EndpointPlan, plan: Plan) -> bool:
    """Whether KEDA scales the endpoint: it needs room to scale, a metric, and a Prometheus that has it.

    From zero only a queue in front of it is such a metric: that of a gateway, or that of an ``AsyncEndpoint``; for an
    overflow, that of the replicas that it stands beside. Working hours need none.
    """
    metrics = endpoint.invocation.metrics
    if not isinstance(endpoint.spec.replicas, Autoscaling) or endpoint.max_replicas == endpoint.min_replicas:
        return False
    if (endpoint.min_replicas == 0 and worked_queue(plan, endpoint.name)) or working_hours(endpoint.spec):
        return True
    return (
        metrics is not None
        and metrics.waiting is not None
        and plan.platform.scales_by_metrics
        and (endpoint.min_replicas > 0 or endpoint.overflow is not None or wakes(endpoint, plan))
    )


def wakes(endpoint: EndpointPlan, plan: Plan) -> bool:
    """Whether something in front of the endpoint holds requests while no replica runs."""
    route = route_of(plan, endpoint.name)
    return route is not None and route.hold_s is not None


def secret_names(plan: Plan) -> tuple[str, ...]:
    """Names of all secrets that pods read, sorted."""
    declared = [item for endpoint in plan.endpoints for item in (endpoint.spec.model.token, endpoint.spec.api_key)]
    declared += [tenant.api_key for gateway in plan.gateways for tenant in gateway.spec.tenants]
    declared += [credential(item) for item in alert_receivers(plan)]
    return tuple(sorted({item.name for item in declared if item is not None}))


def alert_receivers(plan: Plan) -> Sequence[AlertReceiver]:
    """Who hears of alerts."""
    observability = plan.platform.own_observability
    return () if observability is None else observability.receivers


def credential(receiver: AlertReceiver) -> Secret | None:
    """The secret that a receiver needs, if any."""
    if isinstance(receiver, SlackAlerts):
        return receiver.webhook
    return receiver.routing_key if isinstance(receiver, PagerDutyAlerts) else None
