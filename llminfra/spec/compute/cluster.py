"""``Cluster``: the EKS cluster, and the few CPU nodes that its own controllers run on."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from llminfra.spec.base.spec import Distinct, Many, Spec
from llminfra.spec.compute.gpu_pool import NodeRange, check_range
from llminfra.spec.compute.shared_with import Provided, SharedWith
from llminfra.spec.foundation.network import Cidr


class SystemNodes(Spec):
    """CPU nodes for controllers, Prometheus and Grafana, in the first two zones of the network."""

    instance_types: Annotated[Distinct[str], Field(min_length=1)] = ("m7i.xlarge",)
    """EC2 instance types without GPUs."""
    nodes: NodeRange = (2, 4)
    """Fewest and most nodes."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_range(self.nodes)
        return self


class Cluster(Spec):
    """An EKS cluster: private endpoint, secrets encrypted with its own KMS key, access entries, all logs."""

    spec_section: ClassVar[str] = "cluster"

    version: Annotated[str, Field(pattern=r"^1\.[0-9]{2}$")] = "1.35"
    """Kubernetes version, for example ``1.35``."""
    identity: Literal["pod-identity", "irsa"] = "pod-identity"
    """How pods get AWS roles; the OIDC provider for IRSA is always there."""
    admin_role_arns: Distinct[Annotated[str, Field(pattern=r"^arn:[a-z-]+:iam::[0-9]{12}:role/.+$")]] = ()
    """IAM roles that get cluster-admin by an access entry, for example
    ``arn:aws:iam::111122223333:role/platform-admin``; the roles that run Terraform must be among them."""
    public_access_cidrs: Distinct[Cidr] = ()
    """Blocks that may reach the API from the internet; empty keeps the endpoint private."""
    private_access_cidrs: Distinct[Cidr] | None = None
    """Blocks of the VPC, and of networks connected to it, that may reach the private endpoint: where Terraform, kubectl
    and pipelines run. ``None``: the VPC's own block; empty: nodes and pods alone."""
    system_nodes: SystemNodes = SystemNodes()
    """CPU nodes for everything that needs no GPU."""
    autoscaler: Literal["karpenter", "cluster-autoscaler"] = "karpenter"
    """Who starts nodes of elastic pools."""
    log_days: Annotated[int, Field(ge=1, le=3653)] = 365
    """Days that control-plane logs are kept."""
    deletion_protection: bool = True
    """Whether EKS refuses to delete the cluster."""
    install: Distinct[Provided] = ()
    """Charts to install for platforms of other specs on this cluster, whether or not something of this one needs them;
    those name them in ``ExistingCluster(installed=…)``."""
    shared_with: Many[SharedWith] = ()
    """Platforms of other specs on this cluster: what is installed here may act for them."""
