"""Values of ``cluster-autoscaler``. Source: kubernetes/autoscaler:cluster-autoscaler/charts/cluster-autoscaler."""

from pydantic import Field

from llminfra.charts.kubernetes import ResourceRequirements, Toleration, small_resources
from llminfra.charts.upstream._shared import ControllerServiceAccount
from llminfra.charts.values import ChartValues, LateStr


class AutoDiscovery(ChartValues):
    """``autoDiscovery``: groups tagged ``k8s.io/cluster-autoscaler/enabled`` and with the cluster's name."""

    cluster_name: LateStr


class AutoscalerRbac(ChartValues):
    """``rbac``."""

    create: bool = True
    service_account: ControllerServiceAccount = ControllerServiceAccount(name="cluster-autoscaler")


class AutoscalerArgs(ChartValues):
    """``extraArgs``; the keys are flags of cluster-autoscaler."""

    expander: str = "least-waste"
    balance_similar_node_groups: bool = Field(default=False, alias="balance-similar-node-groups")
    scale_down_unneeded_time: str = Field(default="30m", alias="scale-down-unneeded-time")
    """Longer than a cold start, as for Karpenter."""
    skip_nodes_with_system_pods: bool = Field(default=False, alias="skip-nodes-with-system-pods")
    max_node_provision_time: str = Field(default="30m", alias="max-node-provision-time")


class AutoscalerServiceMonitor(ChartValues):
    """``serviceMonitor``; this chart calls the labels ``selector``."""

    enabled: bool = True
    namespace: str = "monitoring"
    selector: dict[str, str] = {}


class ClusterAutoscalerValues(ChartValues):
    """One autoscaler on the system nodes; scales from zero by the tags of the groups."""

    auto_discovery: AutoDiscovery
    aws_region: LateStr
    extra_args: AutoscalerArgs = AutoscalerArgs()
    rbac: AutoscalerRbac = AutoscalerRbac()
    resources: ResourceRequirements = small_resources("100m", "600Mi")
    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []
    service_monitor: AutoscalerServiceMonitor = AutoscalerServiceMonitor()
