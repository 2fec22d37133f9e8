"""Values of ``keda`` 2.20. Source: kedacore/charts:keda/values.yaml."""

from typing import Literal

from pydantic import Field

from llminfra.charts.kubernetes import Toleration
from llminfra.charts.upstream._shared import ServiceMonitorToggle
from llminfra.charts.values import ChartValues, LateStr


class KedaImage(ChartValues):
    """``image``."""

    pull_policy: Literal["IfNotPresent", "Always"] = "IfNotPresent"


class KedaComponent(ChartValues):
    """``operator``, ``metricsServer`` and ``webhooks``."""

    replica_count: int = Field(default=2, ge=1)
    tolerations: list[Toleration] = []
    node_selector: dict[str, str] = {}


class KedaMetrics(ChartValues):
    """``prometheus.operator`` and ``prometheus.metricServer``."""

    enabled: bool = True
    service_monitor: ServiceMonitorToggle = ServiceMonitorToggle()


class KedaPrometheus(ChartValues):
    """``prometheus``: KEDA's own metrics, among them the errors of every scaler."""

    operator: KedaMetrics = KedaMetrics()
    metric_server: KedaMetrics = KedaMetrics()


class KedaOperatorAccount(ChartValues):
    """``serviceAccount.operator``."""

    name: str = "keda-operator"
    annotations: dict[str, str] = {}


class KedaServiceAccounts(ChartValues):
    """``serviceAccount``."""

    operator: KedaOperatorAccount = KedaOperatorAccount()


class KedaPodAnnotations(ChartValues):
    """``podAnnotations``: of the operator's pods."""

    keda: dict[str, str] = {}


class KedaValues(ChartValues):
    """KEDA in a namespace of its own."""

    cluster_name: LateStr
    image: KedaImage = KedaImage()
    operator: KedaComponent = KedaComponent()
    metrics_server: KedaComponent = KedaComponent()
    webhooks: KedaComponent = KedaComponent()
    prometheus: KedaPrometheus = KedaPrometheus()
    service_account: KedaServiceAccounts = KedaServiceAccounts()
    pod_annotations: KedaPodAnnotations | None = None
