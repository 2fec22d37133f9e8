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
from llminfra.planning.cluster.gpu_shares import MIG_CONFIG, time_slicing_config
from llminfra.planning.controllers.needs import Needs
from llminfra.planning.plan import Plan
from llminfra.planning.plan.labels import GPU_RESOURCE
from llminfra.spec.compute.gpu_sharing import LEAST_SLICES, MOST_SLICES, Mig, TimeSlicing

_GPU_NODES = {GPU_LABEL: "true"}
_WHOLE = "whole"
_WHOLE_FLAGS: dict[str, object] = {"flags": {"migStrategy": "none"}}


def nvidia_device_plugin_values(plan: Plan) -> NvidiaDevicePluginValues:
    """Whole GPUs on every GPU pool; where pools share GPUs, each node takes its configuration by its label."""
    configs = _sharing_configs(plan)
    return NvidiaDevicePluginValues(
        tolerations=tolerations_of(plan, plan.pools),
        node_selector=_GPU_NODES,
        mig_strategy=None if configs else "none",
        config=DevicePluginConfig(map={_WHOLE: _config(_WHOLE_FLAGS), **configs}, default=_WHOLE) if configs else None,
    )


def _sharing_configs(plan: Plan) -> dict[str, str]:
    """Configurations of the device plugin by the name that nodes carry in their label.

    Of pools that come with other specs nothing is known: their nodes find whichever configuration they name.

    Source: NVIDIA/k8s-device-plugin README.md, "Configuration Option Details" and "Shared Access to GPUs".
    """
    shared = [pool.spec.sharing for pool in plan.pools if pool.spec.sharing is not None]
    mig = any(isinstance(item, Mig) for item in shared)
    slices = {item.replicas for item in shared if isinstance(item, TimeSlicing)}
    if "nvidia-device-plugin" in plan.eks.provided:
        mig, slices = True, {*slices, *range(LEAST_SLICES, MOST_SLICES + 1)}
    found = {time_slicing_config(replicas): _time_slicing(replicas) for replicas in slices}
    if mig:
        found[MIG_CONFIG] = _config({"flags": {"migStrategy": "single"}})
    return dict(sorted(found.items()))


def _time_slicing(replicas: int) -> str:
    slices = {"name": GPU_RESOURCE, "replicas": replicas}
    sharing = {"timeSlicing": {"failRequestsGreaterThanOne": True, "resources": [slices]}}
    return _config({**_WHOLE_FLAGS, "sharing": sharing})


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
        tolerations=tolerations_of(plan, needs.efa_pools),
        node_selector={EFA_LABEL: "true"},
        image=image if registry else None,
    )


def dcgm_exporter_values(plan: Plan) -> DcgmExporterValues:
    """GPU metrics from every GPU node."""
    return DcgmExporterValues(
        tolerations=tolerations_of(plan, plan.pools),
        node_selector=_GPU_NODES,
        service_monitor=DcgmServiceMonitor(additional_labels=monitor_labels(plan)),
        custom_metrics=dcgm_counters(),
    )
