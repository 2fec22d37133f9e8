"""Which cluster-wide parts a plan needs."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from llminfra.planning.endpoints.gateways import route_of
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.infrastructure import PoolPlan
from llminfra.planning.targets.queues import worked_queue
from llminfra.spec.base.secret import Secret
from llminfra.spec.endpoint import Autoscaling
from llminfra.spec.foundation.alert_receiver import AlertReceiver, PagerDutyAlerts, SlackAlerts


class Needs(Struct, frozen=True, kw_only=True):
    """Cluster-wide parts, each there only when something uses it; ``keda_queues`` are those that KEDA asks itself."""

    monitoring: bool
    keda: bool
    keda_queues: tuple[str, ...]
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


def needs_of(plan: Plan) -> Needs:
    """What this plan needs."""
    queues = tuple(item.name for item in plan.async_endpoints if item.workers)
    addons = {item.name for item in plan.eks.addons}
    return Needs(
        monitoring=plan.platform.observability is not None,
        keda=any(scales(item, plan) for item in plan.endpoints) or any(queues),
        keda_queues=queues,
        external_secrets=bool(secret_names(plan)),
        lws=any(item.nodes > 1 for item in plan.endpoints),
        gateway=bool(plan.gateways),
        load_balancer=any(item.balanced for item in plan.gateways),
        fsx_csi=bool(plan.lustre) and "aws-fsx-csi-driver" not in addons,
        mountpoint_csi=any(item.weights.kind == "mountpoint" or item.adapters for item in plan.endpoints),
        karpenter=plan.eks.autoscaler == "karpenter",
        cluster_autoscaler=plan.eks.autoscaler == "cluster-autoscaler",
        karpenter_pools=tuple(item for item in plan.pools if item.provisioner == "karpenter"),
        efa_pools=tuple(item for item in plan.pools if item.efa_per_node),
    )


def scales(endpoint: EndpointPlan, plan: Plan) -> bool:
    """Whether KEDA scales the endpoint: it needs room to scale, a metric, and a Prometheus that has it.

    From zero only a queue in front of it is such a metric: that of a gateway, or that of an ``AsyncEndpoint``.
    """
    metrics = endpoint.invocation.metrics
    if not isinstance(endpoint.spec.replicas, Autoscaling) or endpoint.max_replicas == endpoint.min_replicas:
        return False
    if endpoint.min_replicas == 0 and worked_queue(plan, endpoint.name):
        return True
    return (
        metrics is not None
        and metrics.waiting is not None
        and plan.platform.observability is not None
        and (endpoint.min_replicas > 0 or wakes(endpoint, plan))
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
    observability = plan.platform.observability
    return () if observability is None else observability.receivers


def credential(receiver: AlertReceiver) -> Secret | None:
    """The secret that a receiver needs, if any."""
    if isinstance(receiver, SlackAlerts):
        return receiver.webhook
    return receiver.routing_key if isinstance(receiver, PagerDutyAlerts) else None
