"""Values of ``dcgm-exporter``: GPU metrics from every GPU node.

Source: NVIDIA/dcgm-exporter:deployment/values.yaml. The chart tolerates control-plane taints only, so it never reaches
tainted GPU nodes (NVIDIA/dcgm-exporter#731), and 512 MiB is too little for eight GPUs (pytorch/ci-infra#799).
"""

from pydantic import Field

from llminfra.charts.kubernetes import ResourceList, ResourceRequirements, Toleration
from llminfra.charts.upstream._shared import Relabeling
from llminfra.charts.values import ChartValues


class DcgmCapabilities(ChartValues):
    """SYS_ADMIN is what the profiling metrics (``DCGM_FI_PROF_*``) need; nothing else is kept."""

    add: list[str] = ["SYS_ADMIN"]
    drop: list[str] = ["ALL"]


class DcgmSecurityContext(ChartValues):
    """The documented exception from restricted pod security."""

    run_as_non_root: bool = False
    run_as_user: int = 0
    capabilities: DcgmCapabilities = DcgmCapabilities()
    allow_privilege_escalation: bool = False


class DcgmServiceMonitor(ChartValues):
    """``serviceMonitor``: pod, namespace and container are those of the GPU's user, and of nobody on a free GPU.

    The exporter names the node ``Hostname`` up to 4.8.2 and ``hostname`` after (NVIDIA/dcgm-exporter#655): the scrape
    adds ``node``, which stays.
    """

    enabled: bool = True
    interval: str = "15s"
    honor_labels: bool = True
    additional_labels: dict[str, str] = {}
    relabelings: list[Relabeling] = [
        Relabeling(source_labels=["__meta_kubernetes_pod_node_name"], target_label="node"),
        Relabeling(action="labeldrop", regex="pod|namespace|container|service|endpoint"),
    ]


class DcgmKubernetes(ChartValues):
    """``kubernetes``: labels of the pods that use a GPU on its metrics."""

    enable_pod_labels: bool = False
    """Pod labels on every series; costs cardinality and the right to read all pods."""


class DcgmExporterValues(ChartValues):
    """Only what differs from the chart's defaults, plus what must not drift with them."""

    tolerations: list[Toleration]
    """One for each taint of the GPU pools."""
    node_selector: dict[str, str] = Field(min_length=1)
    """Label of GPU nodes; on others the exporter crashes (NVIDIA/gpu-operator#138)."""
    service_monitor: DcgmServiceMonitor = DcgmServiceMonitor()
    resources: ResourceRequirements = ResourceRequirements(
        requests=ResourceList(cpu="100m", memory="512Mi"), limits=ResourceList(cpu="500m", memory="1Gi")
    )
    security_context: DcgmSecurityContext = DcgmSecurityContext()
    kubernetes: DcgmKubernetes = DcgmKubernetes()
    custom_metrics: str | None = None
    """The whole counters file; the chart's own collects neither ECC errors nor XID counts."""
    priority_class_name: str = "system-node-critical"
