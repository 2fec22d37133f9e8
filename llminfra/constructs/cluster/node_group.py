"""Managed node groups: the system nodes, and GPU pools whose size is fixed or follows the Cluster Autoscaler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.scope import Maker
from llminfra.planning.plan.infrastructure import Taint

_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "NoExecute": "NO_EXECUTE", "PreferNoSchedule": "PREFER_NO_SCHEDULE"}
_CREATE_TIMEOUT = "60m"  # a p5.48xlarge takes longer to boot and join than the default of an hour leaves for a gang


class NodeGroup(Struct, frozen=True, kw_only=True):
    """What a managed node group is.

    Attributes:
        id: Name without the platform.
        subnet_ids: One subnet per zone.
        instance_types: None where the launch template names the type.
        capacity_type: ``ON_DEMAND``, ``SPOT`` or ``CAPACITY_BLOCK``.
        ami_type: EKS AMI type.
        release: AMI release, see ``release_version``.
        min_nodes: Fewest nodes.
        max_nodes: Most nodes.
        nodes: Nodes at rest.
        resized: Whether an autoscaler changes the number later, which Terraform then leaves alone. Where nobody does,
            an edit of the spec must: EKS refuses a minimum above the number of nodes there are ("Minimum capacity 3
            can't be greater than desired size 2", terraform-aws-modules/terraform-aws-eks#3521), and a greater maximum
            adds none.
        labels: Node labels.
        taints: Node taints.
    """

    id: str
    subnet_ids: Sequence[str]
    instance_types: Sequence[str]
    capacity_type: str
    ami_type: str
    release: str | None
    min_nodes: int
    max_nodes: int
    nodes: int
    resized: bool
    labels: Mapping[str, str]
    taints: Sequence[Taint] = ()


def node_group(
    make: Maker,
    group: NodeGroup,
    *,
    cluster_name: str,
    kubernetes_version: str,
    role_arn: str,
    template: aws.LaunchTemplate,
    after: Sequence[core.TerraformElement],
) -> aws.EksNodeGroup:
    """Create a node group that replaces broken nodes by itself and rolls one node at a time.

    EKS starts the new node first, which a reservation or block in full use has no place for. Its other strategy,
    ``MINIMAL``, ends the old node first (Amazon EKS API Reference, ``NodegroupUpdateConfig``); the pinned provider has
    no argument for it, so docs/operations.md says how it is set.
    """
    return make(
        aws.EksNodeGroup,
        group.id,
        cluster_name=cluster_name,
        node_group_name=make.scope.name(group.id),
        node_role_arn=role_arn,
        version=kubernetes_version,
        ami_type=group.ami_type,
        release_version=release_version(make, group, kubernetes_version),
        capacity_type=group.capacity_type,
        instance_types=list(group.instance_types) or None,
        subnet_ids=list(group.subnet_ids),
        launch_template=aws.EksNodeGroupLaunchTemplate(
            name=template.name, version=core.Token.as_string(template.latest_version)
        ),
        scaling_config=aws.EksNodeGroupScalingConfig(
            min_size=group.min_nodes, max_size=max(1, group.max_nodes), desired_size=group.nodes
        ),
        update_config=aws.EksNodeGroupUpdateConfig(max_unavailable=1),
        node_repair_config=aws.EksNodeGroupNodeRepairConfig(enabled=True),
        labels=dict(group.labels),
        taint=[
            aws.EksNodeGroupTaint(key=item.key, value=item.value, effect=_EFFECTS[item.effect]) for item in group.taints
        ]
        or None,
        tags={"Name": make.scope.name(group.id)},
        timeouts=aws.EksNodeGroupTimeouts(create=_CREATE_TIMEOUT, update="120m", delete=_CREATE_TIMEOUT),
        lifecycle=core.TerraformResourceLifecycle(ignore_changes=["scaling_config[0].desired_size"])
        if group.resized
        else None,
        depends_on=list(after),
    )


def release_version(make: Maker, group: NodeGroup, kubernetes_version: str) -> str | None:
    """The release that EKS wants, such as ``1.34.2-20261102``.

    A plan that names only the date leaves the patch version to the public SSM parameter of exactly that AMI
    (``amazon-eks-node-al2023-<arch>-<variant>-<version>-v<date>``, the name that Karpenter resolves too).
    """
    if group.release is None or not group.release.isdigit():
        return group.release
    arch, variant = ("arm64" if "ARM_64" in group.ami_type else "x86_64"), group.ami_type.rpartition("_")[2].lower()
    image = f"amazon-eks-node-al2023-{arch}-{variant}-{kubernetes_version}-v{group.release}"
    parameter = make(
        aws.DataAwsSsmParameter,
        f"{group.id}-ami",
        name=f"/aws/service/eks/optimized-ami/{kubernetes_version}/amazon-linux-2023/{arch}/{variant}/{image}/release_version",
    )
    return parameter.insecure_value
