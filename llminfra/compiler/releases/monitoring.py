"""kube-prometheus-stack on the system nodes, and the rules and dashboards of the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.assets import modules_dir
from llminfra.catalog.datafile import read_data
from llminfra.charts.llm_observability import LlmObservabilityValues
from llminfra.charts.upstream import (
    Alertmanager,
    AlertmanagerSpec,
    Grafana,
    KubePrometheusStackValues,
    KubeStateMetrics,
    NodeExporter,
    Prometheus,
    PrometheusServiceAccount,
    PrometheusSpec,
    RemoteWrite,
    Sigv4,
    claim,
    irsa,
)
from llminfra.charts.upstream.kube_prometheus_stack import AlertmanagerServiceAccount, Sidecar, SidecarVolumeMount
from llminfra.compiler.releases.alerting import ALERTMANAGER_ACCOUNT, alert_secrets, alertmanager_config
from llminfra.compiler.releases.names import storage_class
from llminfra.observability import dashboards_of, rule_groups
from llminfra.observability.dashboards import FOLDER
from llminfra.planning.controllers.needs import Needs, alert_receivers, scales
from llminfra.planning.controllers.scraping import node_labels

if TYPE_CHECKING:
    from llminfra.planning.controllers.scraping import Scraping
    from llminfra.planning.plan import Plan
    from llminfra.spec.foundation.observability import Observability

PROMETHEUS_ACCOUNT = "prometheus"
_ALERTMANAGER_GIB = 10
# Prometheus drops old blocks before its volume is full.
_RETENTION_SHARE = 0.85
# What the cluster keeps itself where Amazon Managed Prometheus keeps the rest: enough for rules over a day, and for
# an outage of the network.
_LOCAL_DAYS = 2
_TEXTFILES = "/run/prometheus"


def monitoring_values(
    plan: Plan,
    observability: Observability,
    needs: Needs,
    *,
    remote_write_url: str | None = None,
    prometheus_role: str | None = None,
    alertmanager_role: str | None = None,
) -> KubePrometheusStackValues:
    """Monitoring that keeps metrics as long as declared, and no more than its volume holds.

    Args:
        plan: The plan.
        observability: What is declared.
        needs: What the plan needs.
        remote_write_url: Where Amazon Managed Prometheus takes samples.
        prometheus_role: Role of Prometheus for IRSA.
        alertmanager_role: Role of Alertmanager for IRSA.
    """
    # Prometheus' "GB" are powers of 2 (prometheus/prometheus docs/storage.md, storage.tsdb.retention.size).
    size_gib = int(observability.storage_gib * _RETENTION_SHARE)
    days = observability.retention_days
    region = plan.platform.region
    secrets = [item.name for item in alert_secrets(observability.receivers, plan)]
    return KubePrometheusStackValues(
        prometheus=Prometheus(
            prometheus_spec=PrometheusSpec(
                retention=f"{min(days, _LOCAL_DAYS) if remote_write_url else days}d",
                retention_size=f"{size_gib}GB",
                storage_spec=claim(observability.storage_gib, storage_class(plan)),
                external_labels={"cluster": plan.eks.name, "region": region},
                remote_write=[RemoteWrite(url=remote_write_url, sigv4=Sigv4(region=region))]
                if remote_write_url
                else [],
            ),
            service_account=PrometheusServiceAccount(name=PROMETHEUS_ACCOUNT, annotations=irsa(prometheus_role)),
        ),
        alertmanager=Alertmanager(
            alertmanager_spec=AlertmanagerSpec(storage=claim(_ALERTMANAGER_GIB, storage_class(plan)), secrets=secrets),
            service_account=AlertmanagerServiceAccount(name=ALERTMANAGER_ACCOUNT, annotations=irsa(alertmanager_role)),
            config=alertmanager_config(observability.receivers, region=region),
        ),
        grafana=Grafana(enabled=observability.grafana == "in-cluster"),
        node_exporter=_node_exporter(efa=bool(needs.efa_pools)),
        kube_state_metrics=KubeStateMetrics(metric_labels_allowlist=[node_labels(plan)]),
    )


def _node_exporter(*, efa: bool) -> NodeExporter:
    """On every node; where there is EFA with a sidecar that reads its counters, which the exporter itself does not."""
    if not efa:
        return NodeExporter()
    facts = read_data("charts/node_exporter.json")
    script = (modules_dir() / "exporters" / "efa_counters.sh").read_text(encoding="utf-8")
    return NodeExporter(
        extra_args=[*facts["stack_arguments"], f"--collector.textfile.directory={_TEXTFILES}"],
        sidecars=[Sidecar(name="efa-counters", image=facts["image_with_shell"], command=["/bin/sh", "-c", script])],
        sidecar_volume_mount=[SidecarVolumeMount(name="textfiles", mount_path=_TEXTFILES)],
    )


def observability_values(plan: Plan, scraping: Scraping) -> LlmObservabilityValues:
    """Rules for what is deployed, dashboards for what is there to see, and the credentials of receivers."""
    scaled = {item.name for item in plan.endpoints if scales(item, plan)}
    declared = plan.platform.observability
    # Counters of EFA come from a sidecar of llminfra's own node exporter.
    groups = rule_groups(
        plan, scaled=scaled, base_url=declared.runbook_base_url if declared is not None else None, efa=scraping.own
    )
    label, value = scraping.dashboards or ("grafana_dashboard", "1")
    return LlmObservabilityValues(
        rule_labels=scraping.match_labels,
        rule_groups=groups,
        dashboards=dashboards_of(plan, efa=scraping.own) if scraping.dashboards is not None else [],
        dashboard_label=label,
        dashboard_label_value=None if value == "1" else value,
        dashboard_folder=FOLDER,
        dashboard_platform=plan.platform.name if plan.shared and not scraping.own else None,
        external_secrets=alert_secrets(alert_receivers(plan), plan),
    )
