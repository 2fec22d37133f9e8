"""What Karpenter needs of AWS: a role for nodes with its instance profile, an interruption queue, a role of its own."""

from __future__ import annotations

from msgspec import Struct

from llminfra.compiler.releases.karpenter import SERVICE_ACCOUNT
from llminfra.compiler.releases.names import KUBE_SYSTEM
from llminfra.constructs.basis.iam import PodIdentity, pod_role
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Scope
from llminfra.constructs.cluster.cluster_access import node_access
from llminfra.constructs.cluster.interruption_queue import interruption_queue
from llminfra.constructs.cluster.karpenter_policies import karpenter_policies
from llminfra.constructs.cluster.node_role import node_profile, node_role
from llminfra.planning.plan import Plan


class Karpenter(Struct, frozen=True):
    """Names that its releases are told."""

    node_profile: str
    queue: str
    role_arn: str


def karpenter(
    scope: Scope,
    plan: Plan,
    *,
    spec_path: str,
    cluster_name: str,
    identity: PodIdentity,
    own_cni_role: bool,
    key: Key | None,
) -> Karpenter:
    """Role of Karpenter's nodes with its access entry, the interruption queue, and the controller's role.

    Args:
        scope: The stack.
        plan: The plan.
        spec_path: Where the spec asks for Karpenter.
        cluster_name: The cluster; as a reference, so that access entries wait for it.
        identity: How its pods get the role.
        own_cni_role: Whether the VPC CNI has a role of its own.
        key: Key of its nodes' volumes and of its queue; ``None``: keys of AWS.
    """
    make = scope.under(spec_path)
    role = node_role(make, "karpenter-node", with_cni_policy=not own_cni_role)
    node_access(make, "karpenter-node", cluster_name=cluster_name, role_arn=role.arn)
    queue = interruption_queue(make, key)
    controller = pod_role(
        make,
        "karpenter",
        identity=identity,
        namespace=KUBE_SYSTEM,
        service_account=SERVICE_ACCOUNT,
        description=f"{scope.platform}: Karpenter controller",
        inline=karpenter_policies(
            scope,
            cluster_name=plan.eks.name,
            node_role_arn=role.arn,
            queue_arn=queue.arn,
            # Of pools that come with other specs nothing is known.
            spot=plan.shared
            or any("spot" in pool.capacity_types for pool in plan.pools if pool.provisioner == "karpenter"),
            key_arn=key.arn if key else None,
        ),
    )
    profile = node_profile(make, "karpenter-node", role.name, after=role.ready)
    return Karpenter(node_profile=profile, queue=queue.name, role_arn=controller.arn)
