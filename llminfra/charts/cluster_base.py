"""Values of the chart ``cluster-base``: what every other release stands on.

It is installed first, into ``kube-system``: namespaces with their Pod Security level, priority classes and storage
classes. ``helm_release`` could create namespaces itself, but without labels.
"""

from typing import Self

from pydantic import Field, model_validator

from llminfra.charts.kubernetes import PodSecurityLevel
from llminfra.charts.values import ChartValues, DnsLabel, LateStr


class Namespace(ChartValues):
    """A namespace and the Pod Security level that it enforces; anything looser than restricted needs a reason."""

    name: DnsLabel
    pod_security: PodSecurityLevel = "restricted"
    reason: str | None = Field(default=None, min_length=10)
    labels: dict[str, str] = {}
    default_deny_ingress: bool = False
    """A NetworkPolicy that admits no traffic but what other policies name; for namespaces of endpoints. Controllers
    with webhooks need their own policies first."""

    @model_validator(mode="after")
    def _looser_has_a_reason(self) -> Self:
        if (self.pod_security != "restricted") != (self.reason is not None):
            msg = f"namespace {self.name}: a level other than restricted goes with a reason, and restricted without"
            raise ValueError(msg)
        return self


class ExistingNamespace(ChartValues):
    """A namespace that is there: an install or upgrade fails unless it is, and lets pods of this level in.

    A dry run and ``helm template`` see no cluster, and check nothing.
    """

    name: DnsLabel
    pod_security: PodSecurityLevel = "restricted"
    """The least strict level that something is put there with."""
    labels: dict[str, str] = {}
    """Labels that it must have."""


class PriorityClass(ChartValues):
    """A pod priority."""

    name: DnsLabel
    value: int = Field(ge=-1_000_000_000, le=1_000_000_000)
    description: str
    preemption: bool = True
    """Whether its pods push out pods of lower priority."""


class Gp3StorageClass(ChartValues):
    """Encrypted gp3 volumes by the EBS CSI driver."""

    name: DnsLabel = "gp3"
    default: bool = True
    kms_key_id: LateStr | None = None


class ClusterBaseValues(ChartValues):
    """Namespaces, priorities and storage classes."""

    labels: dict[str, str] = {}
    namespaces: list[Namespace] = []
    existing_namespaces: list[ExistingNamespace] | None = None
    priority_classes: list[PriorityClass] = []
    storage_classes: list[Gp3StorageClass] = []
