"""Karpenter and its pools."""

from __future__ import annotations

from llminfra.charts.karpenter_pools import (
    BlockDevice,
    KarpenterPool,
    KarpenterPoolsValues,
    NodeNetworkInterface,
    PoolDisruption,
    PoolTaint,
)
from llminfra.charts.upstream import (
    ControllerServiceAccount,
    KarpenterSettings,
    KarpenterValues,
    irsa,
)
from llminfra.compiler.contracts import ClusterContract, NetworkContract
from llminfra.compiler.pool_boot import IMAGE_DEVICE, IMAGE_VOLUME_IOPS, IMAGE_VOLUME_MIB_PER_S, karpenter_user_data
from llminfra.compiler.releases.names import monitors, node_pool
from llminfra.planning.controllers.needs import Needs
from llminfra.planning.hardware.nics import Nic
from llminfra.planning.plan import Plan
from llminfra.planning.plan.infrastructure import PoolPlan
from llminfra.planning.plan.labels import GPU_RESOURCE
from llminfra.spec.compute.capacity import CapacityBlock, Reservation

SERVICE_ACCOUNT = "karpenter"


def karpenter_values(plan: Plan, cluster: ClusterContract) -> KarpenterValues:
    """The controller; without a way out of the VPC it takes prices from its own tables."""
    return KarpenterValues(
        settings=KarpenterSettings(
            cluster_name=cluster.name,
            cluster_endpoint=cluster.endpoint,
            interruption_queue=cluster.karpenter_queue or "",
            isolated_vpc=plan.network.nat == "none" and plan.network.existing_vpc_id is None,
        ),
        service_account=ControllerServiceAccount(
            name=SERVICE_ACCOUNT,
            annotations=irsa(cluster.karpenter_role_arn if plan.eks.identity == "irsa" else None),
        ),
        service_monitor=monitors(plan),
    )


def karpenter_pools_values(
    plan: Plan, needs: Needs, network: NetworkContract, cluster: ClusterContract
) -> KarpenterPoolsValues:
    """A NodePool and an EC2NodeClass for each elastic pool."""
    return KarpenterPoolsValues(pools=[_pool(item, plan, network, cluster) for item in needs.karpenter_pools])


def _pool(pool: PoolPlan, plan: Plan, network: NetworkContract, cluster: ClusterContract) -> KarpenterPool:
    capacity = pool.spec.capacity
    reservations: list[str] = []
    if isinstance(capacity, Reservation | CapacityBlock) and capacity.reservation_id:
        reservations.append(capacity.reservation_id)
    efa_group = cluster.efa_group_ids.get(pool.name)
    # The root volume holds images too where there is no NVMe: more throughput unpacks them sooner.
    throughput = None if pool.raid0 else 500
    key = cluster.key_arn if plan.platform.encryption else None
    return KarpenterPool(
        name=node_pool(plan, pool),
        labels=pool.labels,
        taints=[PoolTaint(key=taint.key, value=taint.value, effect=taint.effect) for taint in pool.taints],
        instance_types=[item.name for item in pool.instance_types],
        zones=list(pool.zones),
        capacity_types=list(pool.capacity_types),
        architecture=pool.main_type.arch,
        limits={GPU_RESOURCE: pool.max_nodes * pool.gpus_per_node, "nodes": pool.max_nodes},
        disruption=PoolDisruption(consolidate_after=f"{pool.consolidate_after_s}s"),
        instance_profile=cluster.karpenter_node_profile or "",
        subnet_ids=[network.private_subnet_ids[zone] for zone in pool.zones],
        security_group_ids=[cluster.node_group_id, *([efa_group] if efa_group else [])],
        ami_alias=f"al2023@v{pool.ami_release.rpartition('-')[2]}",
        capacity_reservation_ids=list(reservations),
        placement_group_name=cluster.placement_groups.get(pool.name),
        network_interfaces=[_interface(nic) for nic in pool.nics],
        block_devices=[
            BlockDevice(
                size_gib=pool.root_volume_gib,
                throughput_mib_per_second=throughput,
                kms_key_id=key,
                # Of several volumes, Karpenter must be told which one pods' own files lie on.
                root_volume=pool.spec.image_snapshot is not None,
            ),
            *_image_volume(pool, key),
        ],
        raid0=pool.raid0,
        max_pods=pool.max_pods,
        user_data=karpenter_user_data(pool),
        tags={**plan.tags, "Name": f"{plan.platform.name}-pool-{pool.name}"},
    )


def _image_volume(pool: PoolPlan, key: str | None) -> list[BlockDevice]:
    snapshot = pool.spec.image_snapshot
    if snapshot is None:
        return []
    return [
        BlockDevice(
            device_name=IMAGE_DEVICE,
            size_gib=snapshot.volume_gib,
            throughput_mib_per_second=IMAGE_VOLUME_MIB_PER_S,
            iops=IMAGE_VOLUME_IOPS,
            kms_key_id=key,
            snapshot_id=snapshot.id,
            initialization_mib_per_second=None if snapshot.fast_restore else snapshot.initialization_mib_per_s,
        )
    ]


def _interface(nic: Nic) -> NodeNetworkInterface:
    # Karpenter knows "interface" and "efa-only": a card that carries both has an entry for each.
    return NodeNetworkInterface(
        network_card_index=nic.network_card_index,
        device_index=nic.device_index,
        interface_type="efa-only" if nic.interface_type == "efa-only" else "interface",
    )
