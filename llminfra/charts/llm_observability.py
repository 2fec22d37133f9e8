"""Values of the chart ``llm-observability``: alert rules and dashboards."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from llminfra.charts.llm_server.storage import ExternalSecret
from llminfra.charts.values import ChartValues, DnsLabel

MetricName = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


class AlertRule(ChartValues):
    """A Prometheus alert, which says what happened, and which command prints its runbook (by the alert's name)."""

    alert: str = Field(pattern=r"^[A-Z][A-Za-z0-9]*$")
    expr: str = Field(min_length=1)
    for_seconds: int = Field(ge=0)
    severity: Literal["info", "warning", "critical"]
    summary: str = Field(min_length=1)
    description: str = Field(min_length=1)
    runbook_url: str | None = Field(default=None, pattern=r"^https://")
    """Where the page is published, too."""
    labels: dict[LabelName, str] = {}


class RecordingRule(ChartValues):
    """A Prometheus recording rule."""

    record: MetricName
    expr: str = Field(min_length=1)
    labels: dict[LabelName, str] = {}


class RuleGroup(ChartValues):
    """Rules that are evaluated together."""

    name: str = Field(pattern=r"^[a-z0-9][-a-z0-9.]*$")
    interval_seconds: int | None = Field(default=None, ge=1)
    recording: list[RecordingRule] = []
    alerts: list[AlertRule] = []

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.recording and not self.alerts:
            msg = f"rule group {self.name} has no rules"
            raise ValueError(msg)
        return self


class LlmObservabilityValues(ChartValues):
    """PrometheusRules and Grafana dashboards."""

    labels: dict[str, str] = {}
    """On every object."""
    rule_labels: dict[str, str] = {}
    """What the Prometheus selects rules by; empty where it selects all."""
    rule_groups: list[RuleGroup] = []
    dashboards: list[DnsLabel] = []
    """Names of files under ``dashboards/`` of the chart: Grafana's JSON model. One ConfigMap each, found by Grafana's
    sidecar. They are no values, because Terraform compares values line by line and these have thousands."""
    dashboard_label: str = "grafana_dashboard"
    """Label that the sidecar looks for (kube-prometheus-stack ``grafana.sidecar.dashboards.label``)."""
    dashboard_label_value: str | None = None
    """Its value, where that is not ``1`` (``grafana.sidecar.dashboards.labelValue``)."""
    dashboard_folder: str | None = None
    dashboard_platform: DnsLabel | None = None
    """Platform that dashboards are about, where others have theirs in the same Grafana: each has a uid of its own, and
    shows what is recorded of that platform."""
    external_secrets: list[ExternalSecret] = []
    """Credentials of alert receivers, as Secrets that Alertmanager mounts."""
