"""Namespaces, release names and addresses that several charts must agree on."""

from __future__ import annotations

from llminfra.charts.upstream import ServiceMonitorToggle
from llminfra.planning.controllers.scraping import scraping_of
from llminfra.planning.endpoints.gateways import PROXY_NAMESPACE
from llminfra.planning.plan import Plan

KUBE_SYSTEM = "kube-system"
GATEWAY = PROXY_NAMESPACE

STORAGE_CLASS = "gp3"
SECRET_STORE = "aws-secrets-manager"  # noqa: S105  # name of a store, not a secret
SERVING_PRIORITY = "llm-serving"

POOL_LABEL = "llminfra.io/pool"
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


def storage_class(plan: Plan) -> str:
    """Storage class of volumes: a name of the platform's own where others may have made one."""
    return f"{plan.platform.name}-{STORAGE_CLASS}" if plan.eks.existing else STORAGE_CLASS
