"""``ExistingPrometheus``: a Prometheus that the Prometheus operator already runs in the cluster."""

import re
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from llminfra.spec.base.names import LabelKey, LabelValue, Namespace
from llminfra.spec.base.spec import Spec
from llminfra.spec.errors.expectations import refused

_EXAMPLE = "http://prometheus-operated.monitoring.svc:9090"
_API = re.compile(r"/api/v1(/.*)?$")
# Kubernetes documentation, "Recommended Labels"; Helm, "Labels and Annotations".
_OF_CHARTS = ("app.kubernetes.io/", "helm.sh/")
# Amazon Managed Service for Prometheus User Guide, "Service endpoints": aps-workspaces.<region>.amazonaws.com.
_MANAGED = "aps-workspaces"


def _query_url(value: str) -> str:
    """The address that KEDA puts ``/api/v1/query`` behind."""
    expected = f"the address of Prometheus' HTTP API in the cluster, for example {_EXAMPLE}"
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in {"http", "https"} or not host or re.search(r"\s", value):
        bare = re.fullmatch(r"[\w.-]+(:\d+)?(/\S*)?", value) and "." in value
        plain = f"http://{_API.sub('', value)}" if bare else _EXAMPLE
        raise refused("this is no URL", expected=expected, fix=f"write {plain!r}")
    if parts.username or parts.password:
        raise refused(
            "the address carries a credential, which everyone would read who reads a ScaledObject",
            expected=expected,
            fix="name a proxy in the cluster that adds the credential",
        )
    if host.startswith(_MANAGED):
        raise refused(
            "Amazon Managed Prometheus answers signed requests only, and nothing here signs them",
            expected="the address of a proxy in the cluster that signs them (SigV4), with the path of the workspace",
            fix=f"write for example 'http://sigv4-proxy.monitoring.svc:8005{parts.path or '/workspaces/ws-…'}'",
        )
    if parts.query or parts.fragment or _API.search(parts.path):
        plain = f"{parts.scheme}://{parts.netloc}{_API.sub('', parts.path)}"
        raise refused("what asks adds the path of the API itself", expected=expected, fix=f"write {plain!r}")
    return value.rstrip("/")


def _not_written_by_charts(value: str) -> str:
    """Charts write the recommended labels on their objects themselves, and a mapping has each key once."""
    if value.startswith(_OF_CHARTS):
        raise refused(
            "charts write this label themselves, each its own value",
            expected="a label that nobody else writes, such as release or acme.com/scraped",
            fix="let the selectors match another label, too, and name that",
        )
    return value


MatchLabelKey = Annotated[LabelKey, AfterValidator(_not_written_by_charts)]
"""Key of a label that objects of any chart can get."""
PrometheusUrl = Annotated[str, AfterValidator(_query_url)]
"""Where queries go, without ``/api/v1``."""
SeriesLabel = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
"""Name of a label of a series (prometheus.io, "Data model")."""


class ExistingPrometheus(Spec):
    """A Prometheus that the Prometheus operator runs in a cluster that is there, such as kube-prometheus-stack's.

    llminfra installs no Prometheus, Alertmanager and Grafana then, but what they pick up: ServiceMonitors, PodMonitors
    and PrometheusRules with ``match_labels``, the DCGM exporter, and dashboards as ConfigMaps. Its
    ``serviceMonitorNamespaceSelector``, ``podMonitorNamespaceSelector`` and ``ruleNamespaceSelector`` must admit the
    platform's namespaces; kube-prometheus-stack's admit all of them. Who hears of alerts, its Alertmanager says.
    """

    spec_section: ClassVar[str] = "observability"

    namespace: Namespace
    """Namespace that Prometheus' pods run in, for example ``monitoring``: network policies let them scrape."""
    match_labels: dict[MatchLabelKey, LabelValue]
    """What its ``serviceMonitorSelector``, ``podMonitorSelector`` and ``ruleSelector`` match, all together:
    ``{"release": "kube-prometheus-stack"}`` where a Helm release of that name has kube-prometheus-stack's defaults;
    ``{}`` where it selects everything."""
    url: PrometheusUrl | None = None
    """Where its HTTP API answers queries, for example ``http://prometheus-operated.monitoring.svc:9090``, or a proxy
    that signs requests to Amazon Managed Prometheus; ``None``: nobody asks it, and no endpoint scales by metrics."""
    external_labels: dict[SeriesLabel, str] = {}
    """Labels that tell this cluster's series from others' where ``url`` answers for several clusters, for example
    ``{"cluster": "acme-shared"}``: queries of the autoscaler ask for them."""
    install_into: Namespace | None = None
    """Namespace of the DCGM exporter, alert rules and dashboards; it is made unless it is ``namespace`` or among the
    cluster's ``namespaces``. ``None``: ``<platform>-monitoring``."""
    dashboard_label: LabelKey | None = "grafana_dashboard"
    """Label by which Grafana's sidecar finds dashboards in ConfigMaps (``sidecar.dashboards.label`` of its chart);
    ``None``: no dashboards."""
    dashboard_label_value: LabelValue = "1"
    """Value of that label (``sidecar.dashboards.labelValue``)."""
    runbook_base_url: Annotated[str, Field(pattern=r"^https://\S+$")] | None = None
    """Where ``docs/runbooks`` is published, as in ``Observability``."""
