"""Parts that upstream charts spell the same way."""

from typing import Literal

from pydantic import Field

from llminfra.charts.values import ChartValues


class Relabeling(ChartValues):
    """One ``relabelings`` entry of a ServiceMonitor endpoint."""

    action: Literal["replace", "labeldrop"] = "replace"
    source_labels: list[str] | None = None
    target_label: str | None = None
    regex: str | None = None


class ServiceMonitorToggle(ChartValues):
    """``serviceMonitor``: on, with the labels that the Prometheus selects by (none where it selects all)."""

    enabled: bool = True
    additional_labels: dict[str, str] = {}


class ControllerServiceAccount(ChartValues):
    """``serviceAccount``: its name is fixed, so that IAM can name it; ``annotations`` carry the role for IRSA."""

    create: bool = True
    name: str
    annotations: dict[str, str] = {}


def irsa(role_arn: str | None) -> dict[str, str]:
    """The annotation for IRSA; none for EKS Pod Identity."""
    return {"eks.amazonaws.com/role-arn": role_arn} if role_arn else {}


class ClaimRequests(ChartValues):
    """``resources.requests`` of a claim."""

    storage: str = Field(pattern=r"^[0-9]+Gi$")


class ClaimResources(ChartValues):
    """``resources`` of a claim."""

    requests: ClaimRequests


class ClaimSpec(ChartValues):
    """Spec of a PersistentVolumeClaim."""

    access_modes: list[str] = ["ReadWriteOnce"]
    storage_class_name: str | None = None
    resources: ClaimResources


class ClaimTemplate(ChartValues):
    """A claim with its spec."""

    spec: ClaimSpec


class ClaimStorage(ChartValues):
    """``storageSpec`` of the Prometheus operator."""

    volume_claim_template: ClaimTemplate


def claim(size_gib: int, storage_class: str | None) -> ClaimStorage:
    """A claim of that size; ``None`` takes the cluster's default storage class."""
    resources = ClaimResources(requests=ClaimRequests(storage=f"{size_gib}Gi"))
    spec = ClaimSpec(storage_class_name=storage_class, resources=resources)
    return ClaimStorage(volume_claim_template=ClaimTemplate(spec=spec))
