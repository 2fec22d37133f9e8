"""Agents on GPU nodes: device plugins and the DCGM exporter."""

from __future__ import annotations

import json

from llminfra.catalog.charts import chart_pin
from llminfra.catalog.datafile import read_data
from llminfra.charts.upstream import (
    DcgmExporterValues,
    DcgmServiceMonitor,
    DevicePluginConfig,
    EfaDevicePluginValues,
    EfaImage,
    NvidiaDevicePluginValues,
)
from llminfra.compiler.releases.names import EFA_LABEL, GPU_LABEL, monitor_labels
from llminfra.compiler.releases.tolerations import tolerations_of
from llminfra.observability.metric_tables import dcgm_counters
from llminfra.planning.cluster.gpu_shares import CONFIG_LABEL
from llminfra.planning.controllers.needs import Needs
from llminfra.planning.plan import Plan
from llminfra.spec.compute.gpu_sharing import Mig, TimeSlicing

_GPU_NODES = {GPU_LABEL: "true"}
_WHOLE = "whole"
_WHOLE_FLAGS: dict[str, object] = {"flags": {"migStrategy": "none"}}


def nvidia_device_plugin_values(plan: Plan) -> NvidiaDevicePluginValues:
    """Whole GPUs on every GPU pool; where pools share GPUs, each node takes its configuration by its label."""
    configs = _sharing_configs(plan)
    return NvidiaDevicePluginValues(
        tolerations=tolerations_of(plan.pools),
        node_selector=_GPU_NODES,
        mig_strategy=None if configs else "none",
        config=DevicePluginConfig(map={_WHOLE: _config(_WHOLE_FLAGS), **configs}, default=_WHOLE) if configs else None,
    )


def _sharing_configs(plan: Plan) -> dict[str, str]:
    """Configurations of the device plugin by the name that nodes carry in their label.

    Source: NVIDIA/k8s-device-plugin README.md, "Configuration Option Details" and "Shared Access to GPUs".
    """
    found: dict[str, str] = {}
    for pool in plan.pools:
        name = pool.labels.get(CONFIG_LABEL)
        match pool.spec.sharing:
            case Mig() if name:
                found[name] = _config({"flags": {"migStrategy": "single"}})
            case TimeSlicing(replicas=replicas) if name:
                slices = {"name": "nvidia.com/gpu", "replicas": replicas}
                sharing = {"timeSlicing": {"failRequestsGreaterThanOne": True, "resources": [slices]}}
                found[name] = _config({**_WHOLE_FLAGS, "sharing": sharing})
    return dict(sorted(found.items()))


def _config(content: dict[str, object]) -> str:
    # JSON is YAML, and the plugin reads YAML.
    return json.dumps({"version": "v1", **content})


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


def dcgm_exporter_values(plan: Plan) -> DcgmExporterValues:
    """GPU metrics from every GPU node."""
    return DcgmExporterValues(
        tolerations=tolerations_of(plan.pools),
        node_selector=_GPU_NODES,
        service_monitor=DcgmServiceMonitor(additional_labels=monitor_labels(plan)),
        custom_metrics=dcgm_counters(),
    )
