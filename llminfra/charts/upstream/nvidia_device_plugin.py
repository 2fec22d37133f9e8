"""Values of ``nvidia-device-plugin``: makes ``nvidia.com/gpu`` known to the scheduler.

Source: NVIDIA/k8s-device-plugin:deployments/helm/nvidia-device-plugin/values.yaml. The MOFED mount that is on by
default up to 0.19.2 takes the ``uverbs`` devices away from EFA pods (NVIDIA/k8s-device-plugin#1692).
"""

from typing import Literal

from pydantic import Field

from llminfra.charts.kubernetes import ResourceRequirements, Toleration, small_resources
from llminfra.charts.values import ChartValues


class GpuFeatureDiscovery(ChartValues):
    """``gfd``: node labels with product, memory and driver; it brings Node Feature Discovery along."""

    enabled: bool = False


class DevicePluginConfig(ChartValues):
    """``config``: named sharing configurations (YAML texts) and the one that unlabelled nodes use."""

    map: dict[str, str] = Field(min_length=1)
    default: str


class NvidiaDevicePluginValues(ChartValues):
    """Device plugin alone, without feature discovery: node labels come from the pools."""

    tolerations: list[Toleration]
    """One for each taint of the GPU pools; the chart's own list knows ``nvidia.com/gpu`` only."""
    node_selector: dict[str, str] = Field(min_length=1)
    """Needs ``nvidia.com/gpu.present: "true"`` on the nodes: the chart's affinity asks for it."""
    mofed_enabled: bool = False
    mig_strategy: Literal["none", "single", "mixed"] | None = None
    """``None`` where ``config`` says it: the chart passes a strategy as an environment variable, which wins."""
    device_list_strategy: Literal["envvar", "volume-mounts", "cdi-annotations", "cdi-cri"] | None = None
    config: DevicePluginConfig | None = None
    gfd: GpuFeatureDiscovery = GpuFeatureDiscovery()
    resources: ResourceRequirements = small_resources("50m", "256Mi")
    priority_class_name: str = "system-node-critical"
