"""Namespaces, release names and addresses that several charts must agree on."""

from __future__ import annotations

from llminfra.planning.endpoints.gateways import PROXY_NAMESPACE
from llminfra.planning.plan import Plan

KUBE_SYSTEM = "kube-system"
MONITORING = "monitoring"
KEDA = "keda"
EXTERNAL_SECRETS = "external-secrets"
LWS = "lws-system"
GATEWAY = PROXY_NAMESPACE

STORAGE_CLASS = "gp3"
SECRET_STORE = "aws-secrets-manager"  # noqa: S105  # name of a store, not a secret
SERVING_PRIORITY = "llm-serving"

POOL_LABEL = "llminfra.io/pool"
GPU_LABEL = "nvidia.com/gpu.present"
EFA_LABEL = "vpc.amazonaws.com/efa.present"

MONITORING_RELEASE = "kube-prometheus-stack"
PROMETHEUS_URL = f"http://{MONITORING_RELEASE}-prometheus.{MONITORING}.svc:9090"
"""Service of the Prometheus operator chart: ``<release>-prometheus`` (chart template ``prometheus/service.yaml``)."""


def controller_nodes(plan: Plan) -> dict[str, str]:
    """What selects nodes without GPUs: the platform's own, or any of a cluster that was there, as taints allow."""
    return {} if plan.eks.existing else {POOL_LABEL: "system"}


def storage_class(plan: Plan) -> str:
    """Storage class of volumes: a name of the platform's own where others may have made one."""
    return f"{plan.platform.name}-{STORAGE_CLASS}" if plan.eks.existing else STORAGE_CLASS
