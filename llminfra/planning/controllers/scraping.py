"""Which Prometheus a plan's metrics go to: one that llminfra installs, or one that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.planning.plan.labels import PLATFORM_LABEL, POOL_LABEL
from llminfra.spec.foundation.existing_prometheus import ExistingPrometheus

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

MONITORING = "monitoring"
MONITORING_RELEASE = "kube-prometheus-stack"
_NODE_LABELS = (POOL_LABEL, "node.kubernetes.io/instance-type", "karpenter.sh/capacity-type")
# Service of the Prometheus operator chart: ``<release>-prometheus`` (chart template ``prometheus/service.yaml``).
_OWN_URL = f"http://{MONITORING_RELEASE}-prometheus.{MONITORING}.svc:9090"


def node_labels(plan: Plan) -> str:
    """Labels of nodes that recording rules ask kube-state-metrics for (``metricLabelsAllowlist``)."""
    shown = (PLATFORM_LABEL, *_NODE_LABELS) if plan.shared else _NODE_LABELS
    return f"nodes=[{','.join(shown)}]"


class Scraping(Struct, frozen=True, kw_only=True):
    """Who scrapes, and what for.

    Attributes:
        own: Whether llminfra installs it.
        scraper_namespace: Where Prometheus' pods run.
        namespace: Where the DCGM exporter, rules and dashboards are.
        url: Where queries go; ``None``: nowhere.
        match_labels: What its selectors match; empty: everything.
        external_labels: Labels that queries ask for besides.
        dashboards: Label and value that Grafana's sidecar looks for; ``None``: there is nobody who looks.
    """

    own: bool
    scraper_namespace: str
    namespace: str
    url: str | None
    match_labels: dict[str, str]
    external_labels: dict[str, str]
    dashboards: tuple[str, str] | None


def scraping_of(plan: Plan) -> Scraping | None:
    """The Prometheus of a plan; ``None`` without one."""
    declared = plan.platform.observability
    if declared is None:
        return None
    if isinstance(declared, ExistingPrometheus):
        return Scraping(
            own=False,
            scraper_namespace=declared.namespace,
            namespace=declared.install_into or f"{plan.platform.name}-{MONITORING}",
            url=declared.url,
            match_labels=dict(sorted(declared.match_labels.items())),
            external_labels=dict(sorted(declared.external_labels.items())),
            dashboards=(declared.dashboard_label, declared.dashboard_label_value) if declared.dashboard_label else None,
        )
    # Ours selects everything, whatever its labels (``*SelectorNilUsesHelmValues: false``).
    return Scraping(
        own=True,
        scraper_namespace=MONITORING,
        namespace=MONITORING,
        url=_OWN_URL,
        match_labels={},
        external_labels={},
        dashboards=("grafana_dashboard", "1") if declared.grafana == "in-cluster" else None,
    )
