"""Namespaces with their Pod Security level, priorities, the default storage class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.charts.cluster_base import (
    ClusterBaseValues,
    ExistingNamespace,
    Gp3StorageClass,
    Namespace,
    PriorityClass,
)
from llminfra.charts.kubernetes import PodSecurityLevel
from llminfra.compiler.releases.gateway import READINESS_LABEL
from llminfra.compiler.releases.names import GATEWAY, SERVING_PRIORITY, storage_class
from llminfra.compiler.releases.security import pod_security
from llminfra.planning.controllers.namespaces import EXTERNAL_SECRETS, KEDA, LWS, there_already
from llminfra.planning.controllers.needs import Needs
from llminfra.planning.controllers.scraping import scraping_of
from llminfra.planning.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEVELS: tuple[PodSecurityLevel, ...] = ("restricted", "baseline", "privileged")


def cluster_base_values(plan: Plan, needs: Needs) -> ClusterBaseValues:
    """What every other release stands on."""
    there = there_already(plan)
    wanted: dict[str, Namespace] = {}
    for item in _wanted(plan, needs):
        wanted[item.name] = _both(wanted[item.name], item) if item.name in wanted else item
    existing = [
        ExistingNamespace(name=item.name, pod_security=item.pod_security, labels=item.labels)
        for item in wanted.values()
        if item.name in there
    ]
    return ClusterBaseValues(
        namespaces=[item for item in wanted.values() if item.name not in there],
        existing_namespaces=existing or None,
        priority_classes=[
            PriorityClass(
                name=SERVING_PRIORITY,
                value=100_000,
                description="Model endpoints: above batch work, below the cluster's own parts.",
            )
        ],
        storage_classes=[Gp3StorageClass(name=storage_class(plan), default=not plan.eks.existing)],
    )


def _both(one: Namespace, other: Namespace) -> Namespace:
    """A namespace that is used for two things: as strict as the less strict of them lets it be."""
    loose, strict = sorted((one, other), key=lambda item: _LEVELS.index(item.pod_security), reverse=True)
    return loose.replace(
        labels={**strict.labels, **loose.labels},
        default_deny_ingress=one.default_deny_ingress or other.default_deny_ingress,
    )


def _wanted(plan: Plan, needs: Needs) -> Iterator[Namespace]:
    """Namespaces that releases go to, whoever makes them."""
    for name in dict.fromkeys(item.namespace for item in plan.endpoints):
        yield _serving(name, plan)
    if (scraping := scraping_of(plan)) is not None:
        exporters = "The node exporter reads the host, and the DCGM exporter needs SYS_ADMIN for profiling metrics"
        yield Namespace(
            name=scraping.namespace,
            pod_security="privileged",
            reason=exporters if scraping.own else "The DCGM exporter needs SYS_ADMIN for profiling metrics",
        )
    if needs.keda:
        yield Namespace(name=KEDA)
    if needs.external_secrets:
        yield Namespace(name=EXTERNAL_SECRETS)
    if needs.lws:
        yield Namespace(name=LWS)
    if needs.gateway:
        balanced = any(item.balanced for item in plan.gateways)
        # An old Envoy pod must not leave before the balancer sends requests to the new one.
        yield Namespace(name=GATEWAY, labels=READINESS_LABEL if balanced else {})


def _serving(name: str, plan: Plan) -> Namespace:
    """A namespace of endpoints, as strict as its least strict endpoint lets it be."""
    endpoints = [item for item in plan.endpoints if item.namespace == name]
    level = max((pod_security(item.invocation).pod_security_level for item in endpoints), key=_LEVELS.index)
    loose = [item.name for item in endpoints if pod_security(item.invocation).pod_security_level == level]
    reason = None if level == "restricted" else f"Endpoints need it: {', '.join(loose)}"
    return Namespace(name=name, pod_security=level, reason=reason, default_deny_ingress=True)
