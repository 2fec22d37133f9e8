"""Namespaces with their Pod Security level, priorities, the default storage class."""

from __future__ import annotations

from llminfra.charts.cluster_base import ClusterBaseValues, Gp3StorageClass, Namespace, PriorityClass
from llminfra.charts.kubernetes import PodSecurityLevel
from llminfra.compiler.releases.gateway import READINESS_LABEL
from llminfra.compiler.releases.names import (
    EXTERNAL_SECRETS,
    GATEWAY,
    KEDA,
    LWS,
    MONITORING,
    SERVING_PRIORITY,
    storage_class,
)
from llminfra.compiler.releases.security import pod_security
from llminfra.planning.controllers.needs import Needs
from llminfra.planning.plan import Plan

_LEVELS: tuple[PodSecurityLevel, ...] = ("restricted", "baseline", "privileged")


def cluster_base_values(plan: Plan, needs: Needs) -> ClusterBaseValues:
    """What every other release stands on."""
    namespaces = [_serving(name, plan) for name in dict.fromkeys(item.namespace for item in plan.endpoints)]
    if needs.monitoring:
        namespaces.append(
            Namespace(
                name=MONITORING,
                pod_security="privileged",
                reason="The node exporter reads the host, and the DCGM exporter needs SYS_ADMIN for profiling metrics",
            )
        )
    if needs.keda:
        namespaces.append(Namespace(name=KEDA))
    if needs.external_secrets:
        namespaces.append(Namespace(name=EXTERNAL_SECRETS))
    if needs.lws:
        namespaces.append(Namespace(name=LWS))
    if needs.gateway:
        balanced = any(item.balanced for item in plan.gateways)
        # An old Envoy pod must not leave before the balancer sends requests to the new one.
        namespaces.append(Namespace(name=GATEWAY, labels=READINESS_LABEL if balanced else {}))
    return ClusterBaseValues(
        namespaces=namespaces,
        priority_classes=[
            PriorityClass(
                name=SERVING_PRIORITY,
                value=100_000,
                description="Model endpoints: above batch work, below the cluster's own parts.",
            )
        ],
        storage_classes=[Gp3StorageClass(name=storage_class(plan), default=not plan.eks.existing)],
    )


def _serving(name: str, plan: Plan) -> Namespace:
    """A namespace of endpoints, as strict as its least strict endpoint lets it be."""
    endpoints = [item for item in plan.endpoints if item.namespace == name]
    level = max((pod_security(item.invocation).pod_security_level for item in endpoints), key=_LEVELS.index)
    loose = [item.name for item in endpoints if pod_security(item.invocation).pod_security_level == level]
    reason = None if level == "restricted" else f"Endpoints need it: {', '.join(loose)}"
    return Namespace(name=name, pod_security=level, reason=reason, default_deny_ingress=True)
