"""Upstream charts that a plan installs, and the names by which a spec says that they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.controllers.needs import GATEWAY, needs_of
from llminfra.planning.controllers.scraping import MONITORING_RELEASE

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

_KNOWN_AS = {
    "ai-gateway-crds-helm": GATEWAY,
    "ai-gateway-helm": GATEWAY,
    "gateway-helm": GATEWAY,
    "karpenter-crd": "karpenter",
}


def upstream_charts(plan: Plan) -> tuple[str, ...]:
    """Names of the upstream charts of the platform stack."""
    needs = needs_of(plan)
    wanted = {
        MONITORING_RELEASE: needs.monitoring,
        "karpenter-crd": needs.karpenter,
        "karpenter": needs.karpenter,
        "cluster-autoscaler": needs.cluster_autoscaler,
        "nvidia-device-plugin": needs.device_plugin,
        "aws-efa-k8s-device-plugin": needs.efa_plugin,
        "dcgm-exporter": needs.dcgm_exporter,
        "keda": needs.keda,
        "lws": needs.lws,
        "aws-fsx-csi-driver": needs.fsx_csi,
        "aws-mountpoint-s3-csi-driver": needs.mountpoint_csi,
        "external-secrets": needs.external_secrets,
        "gateway-helm": needs.gateway,
        "ai-gateway-crds-helm": needs.gateway,
        "ai-gateway-helm": needs.gateway,
        "aws-load-balancer-controller": needs.load_balancer,
    }
    return tuple(name for name, there in wanted.items() if there)


def installs(plan: Plan) -> tuple[str, ...]:
    """What a plan installs once per cluster, as ``ExistingCluster(installed=…)`` of others names it."""
    return tuple(dict.fromkeys(_KNOWN_AS.get(name, name) for name in upstream_charts(plan)))
