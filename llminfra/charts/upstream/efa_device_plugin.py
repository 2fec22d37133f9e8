"""Values of ``aws-efa-k8s-device-plugin``: makes ``vpc.amazonaws.com/efa`` known to the scheduler.

Source: aws/eks-charts:stable/aws-efa-k8s-device-plugin/values.yaml: no tolerations by default; the image is in a
regional AWS registry, us-west-2 unless changed.
"""

from pydantic import Field

from llminfra.charts.kubernetes import ResourceRequirements, Toleration, small_resources
from llminfra.charts.values import ChartValues, LateStr


class EfaImage(ChartValues):
    """``image``."""

    repository: LateStr
    tag: str = Field(pattern=r"^v[0-9]+\.[0-9]+\.[0-9]+$")


class EfaDevicePluginValues(ChartValues):
    """Runs on the nodes of EFA pools only: elsewhere it logs "No devices found"."""

    tolerations: list[Toleration]
    """One for each taint of the EFA pools."""
    node_selector: dict[str, str] = Field(min_length=1)
    image: EfaImage | None = None
    """Set to take the image from the cluster's own region."""
    resources: ResourceRequirements = small_resources("10m", "64Mi")
