"""The role of EC2 instances that are Kubernetes nodes."""

from __future__ import annotations

from collections.abc import Sequence

from llminfra.bindings import aws, core
from llminfra.constructs.basis.iam import Role, role, trusts_service
from llminfra.constructs.basis.scope import Maker


def node_role(make: Maker, id_: str, *, with_cni_policy: bool) -> Role:
    """A role that may join a cluster and pull images, nothing else.

    Args:
        make: Maker of the resources.
        id_: Name of the role without the platform.
        with_cni_policy: Whether the VPC CNI has no role of its own.
    """
    scope = make.scope
    managed = ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"]
    if with_cni_policy:
        managed.append("AmazonEKS_CNI_Policy")
    return role(
        make,
        id_,
        description=f"{scope.platform}: Kubernetes nodes",
        trust=trusts_service(f"ec2.{scope.dns_suffix}"),
        managed=[scope.managed_policy(name) for name in managed],
    )


def node_profile(make: Maker, id_: str, role_name: str, *, after: Sequence[core.TerraformElement] = ()) -> str:
    """The instance profile of a node role; returns its name.

    Karpenter would make one for each node class, which needs the API of IAM: in a network without a way out it has no
    endpoint (Karpenter 1.14, "Getting started", private clusters), and a destroy would leave it behind.
    """
    return make(
        aws.IamInstanceProfile, id_, name=make.scope.iam_name(id_), role=role_name, depends_on=list(after) or None
    ).name
