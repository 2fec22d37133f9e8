"""Namespaces, release names and addresses that several charts must agree on."""

from __future__ import annotations

from llminfra.charts.upstream import ServiceMonitorToggle
from llminfra.planning.controllers.scraping import scraping_of
from llminfra.planning.endpoints.gateways import PROXY_NAMESPACE
from llminfra.planning.plan import Plan
from llminfra.planning.plan.infrastructure import PoolPlan
from llminfra.planning.plan.labels import PLATFORM_LABEL, POOL_LABEL
from llminfra.spec.foundation.encryption import CustomerKey

KUBE_SYSTEM = "kube-system"
GATEWAY = PROXY_NAMESPACE

_STORAGE_CLASS = "gp3"
_KEY_ID = 12
"""Characters of a key's id that tell it from another in a name."""
_SECRET_STORE = "aws-secrets-manager"  # noqa: S105  # name of a store, not a secret
_SERVING_PRIORITY = "llm-serving"

GPU_LABEL = "nvidia.com/gpu.present"
EFA_LABEL = "vpc.amazonaws.com/efa.present"


def controller_nodes(plan: Plan) -> dict[str, str]:
    """What selects nodes without GPUs: the platform's own, or any of a cluster that was there, as taints allow."""
    return {} if plan.eks.existing else {POOL_LABEL: "system"}


def monitor_labels(plan: Plan) -> dict[str, str]:
    """Labels of monitors and rules, by which the Prometheus finds them; none where it takes all."""
    scraping = scraping_of(plan)
    return {} if scraping is None else scraping.match_labels


def monitors(plan: Plan) -> ServiceMonitorToggle:
    """Whether a chart brings a ServiceMonitor, and its labels."""
    return ServiceMonitorToggle(enabled=scraping_of(plan) is not None, additional_labels=monitor_labels(plan))


def pool_nodes(pool: PoolPlan) -> dict[str, str]:
    """What selects the nodes of a pool, and in a cluster of several platforms of no other's."""
    return {key: pool.labels[key] for key in (POOL_LABEL, PLATFORM_LABEL) if key in pool.labels}


# Objects that are one in all of a cluster have names of the platform's own where others may be on it.


def storage_class(plan: Plan) -> str:
    """Storage class of volumes.

    One of another key has another name: Kubernetes refuses to change the parameters of a class that is there
    (Kubernetes API, ``StorageClass.parameters``: immutable).
    """
    keys = plan.platform.encryption
    suffix = "" if keys is None else f"-{keys.id[:_KEY_ID]}" if isinstance(keys, CustomerKey) else "-platform-key"
    return f"{plan.platform.cluster_prefix}{_STORAGE_CLASS}{suffix}"


def secret_store(plan: Plan) -> str:
    """Store that External Secrets reads for the platform's namespaces."""
    return f"{plan.platform.cluster_prefix}{_SECRET_STORE}"


def serving_priority(plan: Plan) -> str:
    """Priority class of endpoints."""
    return f"{plan.platform.cluster_prefix}{_SERVING_PRIORITY}"


def node_pool(plan: Plan, pool: PoolPlan) -> str:
    """Karpenter's NodePool and EC2NodeClass of a pool."""
    return f"{plan.platform.cluster_prefix}{pool.name}"
