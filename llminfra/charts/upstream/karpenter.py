"""Values of ``karpenter`` 1.14. Source: aws/karpenter-provider-aws:charts/karpenter/values.yaml."""

from typing import Literal

from pydantic import Field

from llminfra.charts.kubernetes import ResourceRequirements, Toleration, small_resources
from llminfra.charts.upstream._shared import ControllerServiceAccount, ServiceMonitorToggle
from llminfra.charts.values import ChartValues, LateStr


class KarpenterFeatureGates(ChartValues):
    """``settings.featureGates``."""

    node_repair: bool = False
    static_capacity: bool = False
    reserved_capacity: bool = True
    """Capacity reservations and blocks; without it the reserved capacity type does nothing."""


class KarpenterSettings(ChartValues):
    """``settings``."""

    cluster_name: LateStr
    cluster_endpoint: str | None = Field(default=None, min_length=1)
    interruption_queue: LateStr
    isolated_vpc: bool = Field(default=False, alias="isolatedVPC")
    """No Pricing endpoint: Karpenter uses the prices that it brings along."""
    feature_gates: KarpenterFeatureGates = KarpenterFeatureGates()


class KarpenterController(ChartValues):
    """``controller``."""

    resources: ResourceRequirements = small_resources("1", "1Gi")


class KarpenterValues(ChartValues):
    """Two controllers on the system nodes."""

    settings: KarpenterSettings
    service_account: ControllerServiceAccount = ControllerServiceAccount(name="karpenter")
    controller: KarpenterController = KarpenterController()
    replicas: int = Field(default=2, ge=1)
    dns_policy: Literal["ClusterFirst", "Default"] = "Default"
    """``Default``: Karpenter starts the nodes that cluster DNS may need."""
    node_selector: dict[str, str] = {"kubernetes.io/os": "linux"}
    tolerations: list[Toleration] = [Toleration(key="CriticalAddonsOnly")]
    service_monitor: ServiceMonitorToggle = ServiceMonitorToggle()
