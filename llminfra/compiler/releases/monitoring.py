"""kube-prometheus-stack: Prometheus, Alertmanager and Grafana on the system nodes."""

from __future__ import annotations

from llminfra.charts.upstream import (
    Alertmanager,
    AlertmanagerSpec,
    Grafana,
    KubePrometheusStackValues,
    KubeStateMetrics,
    NodeExporter,
    Prometheus,
    PrometheusSpec,
    claim,
)
from llminfra.compiler.releases.names import POOL_LABEL, STORAGE_CLASS
from llminfra.compiler.releases.tolerations import tolerations_of
from llminfra.planning.plan import Plan
from llminfra.spec.observability import Observability

_ALERTMANAGER_GIB = 10
# Prometheus drops old blocks before its volume is full.
_RETENTION_SHARE = 0.85


def monitoring_values(plan: Plan, observability: Observability) -> KubePrometheusStackValues:
    """Monitoring that keeps metrics as long as declared, and no more than its volume holds."""
    size_gb = int(observability.storage_gib * 2**30 / 1e9 * _RETENTION_SHARE)
    return KubePrometheusStackValues(
        prometheus=Prometheus(
            prometheus_spec=PrometheusSpec(
                retention=f"{observability.retention_days}d",
                retention_size=f"{size_gb}GB",
                storage_spec=claim(observability.storage_gib, STORAGE_CLASS),
                external_labels={"cluster": plan.eks.name, "region": plan.platform.region},
            )
        ),
        alertmanager=Alertmanager(alertmanager_spec=AlertmanagerSpec(storage=claim(_ALERTMANAGER_GIB, STORAGE_CLASS))),
        grafana=Grafana(enabled=observability.grafana),
        node_exporter=NodeExporter(tolerations=tolerations_of(plan.pools)),
        kube_state_metrics=KubeStateMetrics(
            metric_labels_allowlist=[
                f"nodes=[{POOL_LABEL},node.kubernetes.io/instance-type,karpenter.sh/capacity-type]"
            ]
        ),
    )
