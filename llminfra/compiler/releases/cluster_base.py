"""Namespaces with their Pod Security level, priorities, the default storage class."""

from __future__ import annotations

from functools import reduce
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
from llminfra.compiler.releases.names import GATEWAY, serving_priority, storage_class
from llminfra.compiler.releases.security import pod_security
from llminfra.planning.controllers.namespaces import namespaces_of, there_already
from llminfra.planning.controllers.scraping import scraping_of
from llminfra.planning.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEVELS: tuple[PodSecurityLevel, ...] = ("restricted", "baseline", "privileged")


def cluster_base_values(plan: Plan, volume_key: str | None = None) -> ClusterBaseValues:
    """What every other release stands on; without a key volumes of pods have the one that the account has for EBS."""
    there = there_already(plan)
    wanted = [reduce(_both, _uses(name, plan), Namespace(name=name)) for name in namespaces_of(plan)]
    existing = [
        ExistingNamespace(name=item.name, pod_security=item.pod_security, labels=item.labels)
        for item in wanted
        if item.name in there
    ]
    return ClusterBaseValues(
        namespaces=[item for item in wanted if item.name not in there],
        existing_namespaces=existing or None,
        priority_classes=[
            PriorityClass(
                name=serving_priority(plan),
                value=100_000,
                description="Model endpoints: above batch work, below the cluster's own parts.",
            )
        ],
        storage_classes=[
            Gp3StorageClass(
                name=storage_class(plan),
                default=not plan.eks.existing,
                kms_key_id=volume_key,
            )
        ],
    )


def _both(one: Namespace, other: Namespace) -> Namespace:
    """A namespace that is used for two things: as strict as the less strict of them lets it be."""
    loose, strict = sorted((one, other), key=lambda item: _LEVELS.index(item.pod_security), reverse=True)
    return loose.replace(
        labels={**strict.labels, **loose.labels},
        default_deny_ingress=one.default_deny_ingress or other.default_deny_ingress,
    )


def _uses(name: str, plan: Plan) -> Iterator[Namespace]:
    """The namespace as each of its uses wants it; controllers without a word of their own take it as it comes."""
    if any(item.namespace == name for item in plan.endpoints):
        yield _serving(name, plan)
    scraping = scraping_of(plan)
    if scraping is not None and scraping.namespace == name:
        exporters = "The node exporter reads the host, and the DCGM exporter needs SYS_ADMIN for profiling metrics"
        yield Namespace(
            name=name,
            pod_security="privileged",
            reason=exporters if scraping.own else "The DCGM exporter needs SYS_ADMIN for profiling metrics",
        )
    balances = "aws-load-balancer-controller" in plan.eks.provided or any(item.balanced for item in plan.gateways)
    if name == GATEWAY and balances:
        # An old Envoy pod must not leave before the balancer sends requests to the new one.
        yield Namespace(name=name, labels=READINESS_LABEL)


def _serving(name: str, plan: Plan) -> Namespace:
    """A namespace of endpoints, as strict as its least strict endpoint lets it be."""
    endpoints = [item for item in plan.endpoints if item.namespace == name]
    level = max((pod_security(item.invocation).pod_security_level for item in endpoints), key=_LEVELS.index)
    loose = [item.name for item in endpoints if pod_security(item.invocation).pod_security_level == level]
    reason = None if level == "restricted" else f"Endpoints need it: {', '.join(loose)}"
    return Namespace(name=name, pod_security=level, reason=reason, default_deny_ingress=True)
