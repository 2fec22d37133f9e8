"""Agents on GPU nodes: device plugins and the DCGM exporter."""

from __future__ import annotations

from llminfra.catalog.datafile import read_data
from llminfra.charts.pins import chart_pin
from llminfra.charts.upstream import (
    DcgmExporterValues,
    DcgmServiceMonitor,
    EfaDevicePluginValues,
    EfaImage,
    NvidiaDevicePluginValues,
)
from llminfra.compiler.releases.names import EFA_LABEL, GPU_LABEL
from llminfra.compiler.releases.needs import Needs
from llminfra.compiler.releases.tolerations import tolerations_of
from llminfra.observability.metric_tables import dcgm_counters
from llminfra.planning.plan import Plan

_GPU_NODES = {GPU_LABEL: "true"}


def nvidia_device_plugin_values(plan: Plan) -> NvidiaDevicePluginValues:
    """Whole GPUs, on every GPU pool."""
    return NvidiaDevicePluginValues(tolerations=tolerations_of(plan.pools), node_selector=_GPU_NODES)


def efa_device_plugin_values(plan: Plan, needs: Needs) -> EfaDevicePluginValues:
    """EFA interfaces, on EFA pools only; the image comes from the region's own registry where AWS has one there."""
    registry = read_data("eks_registries.json")["registries"].get(plan.platform.region)
    image = EfaImage(
        repository=f"{registry}/eks/aws-efa-k8s-device-plugin", tag=chart_pin("aws-efa-k8s-device-plugin").app_version
    )
    return EfaDevicePluginValues(
        tolerations=tolerations_of(needs.efa_pools),
        node_selector={EFA_LABEL: "true"},
        image=image if registry else None,
    )


def dcgm_exporter_values(plan: Plan, needs: Needs) -> DcgmExporterValues:
    """GPU metrics from every GPU node."""
    return DcgmExporterValues(
        tolerations=tolerations_of(plan.pools),
        node_selector=_GPU_NODES,
        service_monitor=DcgmServiceMonitor(enabled=needs.monitoring),
        custom_metrics=dcgm_counters(),
    )
