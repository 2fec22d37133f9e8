"""Values of ``metrics-server``. Source: kubernetes-sigs/metrics-server:charts/metrics-server/values.yaml."""

from pydantic import Field

from llminfra.charts.kubernetes import ResourceRequirements, Toleration, small_resources
from llminfra.charts.values import ChartValues


class MetricsServerBudget(ChartValues):
    """``podDisruptionBudget``."""

    enabled: bool = True
    min_available: int = 1


class MetricsServerValues(ChartValues):
    """Two replicas on the system nodes."""

    replicas: int = Field(default=2, ge=1)
    pod_disruption_budget: MetricsServerBudget = MetricsServerBudget()
    resources: ResourceRequirements = small_resources("100m", "200Mi")
    tolerations: list[Toleration] = []
    node_selector: dict[str, str] = {}
