"""GPU pools in the cluster stack: managed node groups, and the AWS side of Karpenter's pools."""

from __future__ import annotations

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.compiler.contracts import NetworkContract
from llminfra.compiler.pool_boot import IMAGE_DEVICE, IMAGE_VOLUME_IOPS, IMAGE_VOLUME_MIB_PER_S, managed_user_data
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Maker, Scope
from llminfra.constructs.cluster.autoscaler_tags import node_template_tags, tag_autoscaling_group
from llminfra.constructs.cluster.node_group import NodeGroup, node_group
from llminfra.constructs.machines.launch_template import ImageVolume, NodeTemplate, launch_template
from llminfra.constructs.machines.node_security import efa_security_group
from llminfra.planning.plan import Plan
from llminfra.planning.plan.infrastructure import PoolPlan
from llminfra.planning.plan.labels import GPU_RESOURCE
from llminfra.spec.compute.capacity import CapacityBlock, Spot


class PoolContext(Struct, frozen=True, kw_only=True):
    """What all pools share."""

    scope: Scope
    plan: Plan
    cluster_name: str
    role_arn: str
    network: NetworkContract
    node_group_id: str
    key: Key | None
    after: tuple[core.TerraformElement, ...]


class PoolResources(Struct, frozen=True):
    """What other stacks need to know of a pool."""

    efa_group_id: str | None
    placement_group: str | None


def gpu_pool(context: PoolContext, pool: PoolPlan) -> PoolResources:
    """Security and placement of a pool, and its node group unless Karpenter starts the nodes."""
    make = context.scope.under(f"pools.{pool.name}")
    efa_group_id = (
        efa_security_group(make, f"pool-{pool.name}", vpc_id=context.network.vpc_id) if pool.efa_per_node else None
    )
    placement = (
        make(
            aws.PlacementGroup,
            f"pool-{pool.name}",
            name=context.scope.name(f"pool-{pool.name}"),
            strategy="cluster",
            tags={"Name": context.scope.name(f"pool-{pool.name}")},
        ).name
        if pool.placement_group
        else None
    )
    if pool.provisioner != "karpenter":
        _managed(make, context, pool, efa_group_id, placement)
    return PoolResources(efa_group_id, placement)


def _managed(
    make: Maker, context: PoolContext, pool: PoolPlan, efa_group_id: str | None, placement: str | None
) -> None:
    block = isinstance(pool.spec.capacity, CapacityBlock)
    names = [item.name for item in pool.instance_types]
    snapshot = pool.spec.image_snapshot
    template = launch_template(
        make,
        NodeTemplate(
            id=f"pool-{pool.name}",
            root_volume_gib=pool.root_volume_gib,
            security_group_ids=[context.node_group_id, *([efa_group_id] if efa_group_id else [])],
            nics=pool.nics,
            user_data=managed_user_data(pool),
            image_volume=ImageVolume(
                device=IMAGE_DEVICE,
                snapshot_id=snapshot.id,
                size_gib=snapshot.volume_gib,
                throughput_mib_per_s=IMAGE_VOLUME_MIB_PER_S,
                iops=IMAGE_VOLUME_IOPS,
                initialization_mib_per_s=None if snapshot.fast_restore else snapshot.initialization_mib_per_s,
            )
            if snapshot
            else None,
            # EKS takes the type of a capacity block from the template only (EKS User Guide, capacity-blocks-mng).
            instance_type=names[0] if block else None,
            capacity=pool.spec.capacity,
            placement_group=placement,
            key=context.key,
            tags=context.scope.tags,
        ),
    )
    group = node_group(
        make,
        NodeGroup(
            id=f"pool-{pool.name}",
            subnet_ids=[context.network.private_subnet_ids[zone] for zone in pool.zones],
            instance_types=[] if block else names,
            capacity_type=_capacity_type(pool),
            ami_type=pool.ami_type,
            release=pool.ami_release,
            min_nodes=pool.min_nodes,
            max_nodes=pool.max_nodes,
            nodes=pool.desired_nodes,
            resized=pool.grows and pool.min_nodes < pool.max_nodes,
            labels=pool.labels,
            taints=pool.taints,
        ),
        cluster_name=context.cluster_name,
        kubernetes_version=context.plan.eks.version,
        role_arn=context.role_arn,
        template=template,
        after=context.after,
    )
    if context.plan.eks.autoscaler == "cluster-autoscaler":
        resources = {
            GPU_RESOURCE: str(pool.gpus_per_node),
            "ephemeral-storage": f"{_ephemeral_gib(pool)}Gi",
            **({"vpc.amazonaws.com/efa": str(pool.efa_per_node)} if pool.efa_per_node else {}),
        }
        tag_autoscaling_group(make, f"pool-{pool.name}", group, node_template_tags(pool.labels, pool.taints, resources))


def _capacity_type(pool: PoolPlan) -> str:
    if isinstance(pool.spec.capacity, CapacityBlock):
        return "CAPACITY_BLOCK"
    return "SPOT" if isinstance(pool.spec.capacity, Spot) else "ON_DEMAND"


def _ephemeral_gib(pool: PoolPlan) -> int:
    """What pods may write: the array of NVMe disks where there is one, else the root volume."""
    return int(min(item.nvme_gb for item in pool.instance_types) * 1e9 / 2**30) if pool.raid0 else pool.root_volume_gib
