"""``Observability``: metrics of GPUs and engines, dashboards and alerts."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from llminfra.spec.base.spec import Distinct, Spec
from llminfra.spec.errors.expectations import refused
from llminfra.spec.foundation.alert_receiver import AlertReceiver

_GROUP = r"^([0-9a-f]{10}-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class Observability(Spec):
    """Prometheus, Grafana, the DCGM exporter, alerts and dashboards.

    Prometheus always runs in the cluster: it scrapes, evaluates rules and feeds autoscaling. ``prometheus="managed"``
    keeps the history in Amazon Managed Service for Prometheus instead of on the cluster's volume.
    """

    spec_section: ClassVar[str] = "observability"

    prometheus: Literal["in-cluster", "managed"] = "in-cluster"
    """Where metrics are kept."""
    grafana: Literal["in-cluster", "managed", "none"] = "in-cluster"
    """Who shows dashboards; ``managed`` is Amazon Managed Grafana, which needs ``prometheus="managed"``."""
    grafana_admin_groups: Distinct[Annotated[str, Field(pattern=_GROUP)]] = ()
    """IAM Identity Center groups (ids) that administer Amazon Managed Grafana."""
    retention_days: Annotated[int, Field(ge=1, le=400)] = 15
    """Days that metrics are kept."""
    storage_gib: Annotated[int, Field(ge=10)] = 100
    """Size of Prometheus's volume."""
    receivers: Distinct[AlertReceiver] = ()
    """Who hears of alerts; without any they are seen in Alertmanager and on the dashboards only."""
    runbook_base_url: Annotated[str, Field(pattern=r"^https://\S+$")] | None = None
    """Where ``docs/runbooks`` is published: alerts carry the address of their page there. Every alert names the command
    that prints its page, too; ``None``: only that."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.grafana == "managed" and self.prometheus != "managed":
            raise refused(
                "Amazon Managed Grafana reads Amazon Managed Prometheus",
                "grafana",
                "prometheus",
                expected='prometheus="managed" beside grafana="managed"',
                fix='set prometheus="managed", or grafana="in-cluster"',
            )
        if self.grafana_admin_groups and self.grafana != "managed":
            raise refused(
                "only Amazon Managed Grafana has grafana_admin_groups",
                "grafana_admin_groups",
                "grafana",
                expected='grafana="managed"',
                fix='set grafana="managed", or leave grafana_admin_groups out',
            )
        return self
