"""Values of ``kube-prometheus-stack`` 88: Prometheus, Alertmanager, Grafana and their exporters.

Source: prometheus-community/helm-charts:charts/kube-prometheus-stack/values.yaml and its sub-charts. Two defaults
bite: objects without the release's label are ignored (``*SelectorNilUsesHelmValues``), and Prometheus has no disk
(``storageSpec: {}``).
"""

from typing import Literal

from pydantic import Field, JsonValue

from llminfra.charts.kubernetes import ResourceList, ResourceRequirements, Toleration, small_resources
from llminfra.charts.upstream._shared import ClaimStorage, Relabeling
from llminfra.charts.values import ChartValues, LateStr


class Sigv4(ChartValues):
    """Signing for Amazon Managed Prometheus, with the identity of Prometheus' service account."""

    region: LateStr


class RemoteWrite(ChartValues):
    """One remote-write target."""

    url: LateStr
    sigv4: Sigv4 | None = None


class PrometheusSpec(ChartValues):
    """``prometheus.prometheusSpec``."""

    retention: str = Field(default="15d", pattern=r"^[0-9]+[dhw]$")
    retention_size: str | None = Field(default=None, pattern=r"^[0-9]+GB$")
    storage_spec: ClaimStorage
    service_monitor_selector_nil_uses_helm_values: bool = False
    pod_monitor_selector_nil_uses_helm_values: bool = False
    rule_selector_nil_uses_helm_values: bool = False
    probe_selector_nil_uses_helm_values: bool = False
    scrape_config_selector_nil_uses_helm_values: bool = False
    external_labels: dict[str, str] = {}
    remote_write: list[RemoteWrite] = []
    resources: ResourceRequirements = ResourceRequirements(
        requests=ResourceList(cpu="500m", memory="4Gi"), limits=ResourceList(memory="4Gi")
    )
    replicas: int = Field(default=1, ge=1)
    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []


class PrometheusServiceAccount(ChartValues):
    """``prometheus.serviceAccount``; IAM names it for remote write."""

    name: str = "prometheus"
    annotations: dict[str, str] = {}


class Prometheus(ChartValues):
    """``prometheus``."""

    prometheus_spec: PrometheusSpec
    service_account: PrometheusServiceAccount = PrometheusServiceAccount()


class AlertmanagerSpec(ChartValues):
    """``alertmanager.alertmanagerSpec``."""

    storage: ClaimStorage
    secrets: list[str] = []
    """Secrets in its namespace, mounted under ``/etc/alertmanager/secrets/<name>``."""
    replicas: int = Field(default=2, ge=1)
    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []


class AlertmanagerServiceAccount(ChartValues):
    """``alertmanager.serviceAccount``; IAM names it where alerts go to SNS."""

    name: str = "alertmanager"
    annotations: dict[str, str] = {}


class Alertmanager(ChartValues):
    """``alertmanager``."""

    enabled: bool = True
    alertmanager_spec: AlertmanagerSpec | None = None
    service_account: AlertmanagerServiceAccount = AlertmanagerServiceAccount()
    config: dict[str, JsonValue] | None = None
    """Alertmanager's own configuration; ``None`` keeps the chart's, which tells nobody."""


class GrafanaAdmin(ChartValues):
    """``grafana.admin``: the password comes from a Secret that exists already; without, the chart makes one up."""

    existing_secret: LateStr
    user_key: str = "admin-user"
    password_key: str = "admin-password"  # noqa: S105  # name of a key


class GrafanaPersistence(ChartValues):
    """``grafana.persistence``; dashboards are provisioned, so only users' preferences need it."""

    enabled: bool = False
    size: str = "10Gi"


class DashboardProvider(ChartValues):
    """``grafana.sidecar.dashboards.provider``."""

    folders_from_files_structure: bool = True
    allow_ui_updates: bool = False


class DashboardSidecar(ChartValues):
    """``grafana.sidecar.dashboards``: dashboards are ConfigMaps with this label, in any namespace."""

    enabled: bool = True
    label: str = "grafana_dashboard"
    label_value: str = "1"
    search_namespace: str = "ALL"
    folder_annotation: str = "grafana_folder"
    provider: DashboardProvider = DashboardProvider()


class GrafanaSidecar(ChartValues):
    """``grafana.sidecar``."""

    dashboards: DashboardSidecar = DashboardSidecar()


class GrafanaAnalytics(ChartValues):
    """``grafana.ini`` section ``analytics``: a private cluster phones nobody."""

    check_for_updates: bool = Field(default=False, alias="check_for_updates")


class GrafanaIni(ChartValues):
    """``grafana.ini``."""

    analytics: GrafanaAnalytics = GrafanaAnalytics()


class Grafana(ChartValues):
    """``grafana``."""

    enabled: bool = True
    admin: GrafanaAdmin | None = None
    default_dashboards_timezone: Literal["utc", "browser"] = "utc"
    persistence: GrafanaPersistence = GrafanaPersistence()
    sidecar: GrafanaSidecar = GrafanaSidecar()
    grafana_ini: GrafanaIni = Field(default=GrafanaIni(), alias="grafana.ini")
    resources: ResourceRequirements = small_resources("100m", "512Mi")
    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []


class Toggle(ChartValues):
    """A part that can be off."""

    enabled: bool


class ControlPlaneRules(ChartValues):
    """``defaultRules.rules`` of components that EKS runs and does not show."""

    etcd: bool = False
    kube_controller_manager: bool = False
    kube_proxy: bool = False
    kube_scheduler_alerting: bool = False
    kube_scheduler_recording: bool = False


class DefaultRules(ChartValues):
    """``defaultRules``."""

    rules: ControlPlaneRules = ControlPlaneRules()


class NodeMonitor(ChartValues):
    """``prometheus-node-exporter.prometheus.monitor``: metrics carry the node's name, not only its address."""

    relabelings: list[Relabeling] = [Relabeling(source_labels=["__meta_kubernetes_pod_node_name"], target_label="node")]


class NodePrometheus(ChartValues):
    """``prometheus-node-exporter.prometheus``."""

    monitor: NodeMonitor = NodeMonitor()


class SidecarSecurityContext(ChartValues):
    """Nothing but reading."""

    allow_privilege_escalation: bool = False
    read_only_root_filesystem: bool = True
    capabilities: dict[str, list[str]] = {"drop": ["ALL"]}


class Sidecar(ChartValues):
    """A container beside the node exporter; the chart mounts ``sidecarVolumeMount`` into both."""

    name: str
    image: str
    command: list[str]
    security_context: SidecarSecurityContext = SidecarSecurityContext()
    resources: ResourceRequirements = small_resources("10m", "32Mi")


class SidecarVolumeMount(ChartValues):
    """``sidecarVolumeMount``: an ``emptyDir`` that sidecars write and the exporter reads."""

    name: str
    mount_path: str
    read_only: bool = False


class NodeExporter(ChartValues):
    """``prometheus-node-exporter``: a DaemonSet that belongs on every node, whatever its taints."""

    tolerations: list[Toleration] = [Toleration(effect="NoSchedule"), Toleration(effect="NoExecute")]
    resources: ResourceRequirements = small_resources("50m", "128Mi")
    prometheus: NodePrometheus = NodePrometheus()
    extra_args: list[str] | None = None
    """Replaces the chart's own arguments; ``None`` keeps them."""
    sidecars: list[Sidecar] = []
    sidecar_volume_mount: list[SidecarVolumeMount] = []


class KubeStateMetrics(ChartValues):
    """``kube-state-metrics``: which labels become metrics, for cost and fleet dashboards."""

    metric_labels_allowlist: list[str] = []
    resources: ResourceRequirements = small_resources("50m", "512Mi")


class PrometheusOperator(ChartValues):
    """``prometheusOperator``."""

    resources: ResourceRequirements = small_resources("100m", "256Mi")
    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []


_HIDDEN_BY_EKS = Toggle(enabled=False)


class KubePrometheusStackValues(ChartValues):
    """Monitoring in its own namespace; selects every ServiceMonitor and rule of the cluster."""

    prometheus: Prometheus
    alertmanager: Alertmanager
    grafana: Grafana
    node_exporter: NodeExporter = Field(default=NodeExporter(), alias="prometheus-node-exporter")
    kube_state_metrics: KubeStateMetrics = Field(default=KubeStateMetrics(), alias="kube-state-metrics")
    prometheus_operator: PrometheusOperator = PrometheusOperator()
    default_rules: DefaultRules = DefaultRules()
    kube_controller_manager: Toggle = _HIDDEN_BY_EKS
    kube_scheduler: Toggle = _HIDDEN_BY_EKS
    kube_etcd: Toggle = _HIDDEN_BY_EKS
    kube_proxy: Toggle = _HIDDEN_BY_EKS
