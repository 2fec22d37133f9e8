"""``ExistingCluster``: an EKS cluster that somebody else made and keeps."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from llminfra.spec.base.names import Namespace
from llminfra.spec.base.spec import Distinct, Many, Spec
from llminfra.spec.compute.shared_with import Provided, SharedWith

Installed = Literal[Provided, "gpu-operator", "kube-prometheus-stack"]
"""What a cluster has once, and what llminfra uses where it is there, and does not install for others."""


class ExistingCluster(Spec):
    """An EKS cluster that is already there: llminfra adds GPU pools, the controllers that it lacks, and endpoints.

    Its control plane, add-ons and own nodes stay as they are, and llminfra's controllers run on those nodes. It has the
    VPC CNI, CoreDNS, the EKS Pod Identity agent (or an OIDC provider in IAM, for IRSA) and, for Prometheus' volume, the
    EBS CSI driver; and the role that runs Terraform may install charts in it.
    """

    spec_section: ClassVar[str] = "cluster"

    name: Annotated[str, Field(pattern=r"^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$")]
    """Name of the cluster in EKS, for example ``acme-shared``."""
    version: Annotated[str, Field(pattern=r"^1\.[0-9]{2}$")]
    """Kubernetes version that it runs, for example ``1.35``. The plan of the stack ``cluster`` fails on another."""
    identity: Literal["pod-identity", "irsa"] = "pod-identity"
    """How pods get AWS roles."""
    node_security_group_id: Annotated[str, Field(pattern=r"^sg-[0-9a-f]{8,17}$")] | None = None
    """Security group of its nodes, which GPU nodes get too: all of them reach each other, CoreDNS and the API by it;
    ``None``: the one that EKS makes for the cluster."""
    installed: Distinct[Installed] = ()
    """Charts that are there already, by anyone's hand: llminfra does not install them, and gives them no AWS role.
    ``kube-prometheus-stack`` goes with ``observability=ExistingPrometheus(…)``, which says how it is used;
    ``gpu-operator`` brings a device plugin and a DCGM exporter; ``envoy-ai-gateway`` is Envoy Gateway with Envoy AI
    Gateway, as llminfra installs them."""
    install: Distinct[Provided] = ()
    """Charts to install for platforms of other specs, as in ``Cluster``."""
    shared_with: Many[SharedWith] = ()
    """Platforms of other specs that what is installed here acts for, as in ``Cluster``."""
    serving_namespace: Namespace | None = None
    """Namespace of endpoints and gateways, for example ``ml-serving``; ``None``: ``<platform>-serving``."""
    namespaces: Distinct[Namespace] | None = None
    """Namespaces that are there already, for example ``monitoring``: llminfra puts its releases there and does not make
    them; ``None``: nobody has looked, and those that it needs are made."""
    karpenter_node_role: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+=,.@-]{1,64}$")] | None = None
    """Name of the role of nodes that a Karpenter which is there starts; needed where ``installed`` has it."""
