"""GPU pools: facts of their instance types, who starts nodes, zones, network interfaces, disks, labels and taints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from llminfra.catalog import eks, instances, prices
from llminfra.diagnostics import entry_path
from llminfra.planning.cluster.gpu_shares import plan_shares
from llminfra.planning.cluster.mixed_types import report_mixed
from llminfra.planning.cluster.node_count import mean_nodes_at_rest, nodes_at_rest
from llminfra.planning.cluster.pool_checks import check_block, check_provisioner
from llminfra.planning.cluster.pool_types import choose_type
from llminfra.planning.cluster.type_names import check_type_names
from llminfra.planning.hardware.nics import Nic, nic_layout
from llminfra.planning.network.offers import check_offered
from llminfra.planning.network.vpc import check_zone
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.infrastructure import ClusterPlan, NetworkPlan, PoolPlan, Taint
from llminfra.planning.plan.labels import GPU_RESOURCE, PLATFORM_LABEL, POOL_LABEL
from llminfra.planning.storage.node_cache import keeps_models
from llminfra.spec.compute.capacity import CapacityBlock, Reservation, Spot

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.planning.findings import Findings
    from llminfra.spec.compute.gpu_pool import GpuPool
    from llminfra.spec.platform import Platform

GPU_TAINT = Taint(key=GPU_RESOURCE, value="true", effect="NoSchedule")
GPU_OPERATOR = "gpu-operator"
# By it the Cluster Autoscaler knows that a node will have GPUs once the device plugin runs. A node without the label
# counts as ready and without GPUs, and the pod that waits for it gets a second node (kubernetes/autoscaler
# cluster-autoscaler/processors/customresources/gpu_processor.go, cloudprovider/aws/aws_cloud_provider.go ``GPULabel``).
ACCELERATOR_LABEL = "k8s.amazonaws.com/accelerator"

# With NVMe, images and pods live on the RAID0 array and the root volume holds the system only. Without it the root
# volume holds images of 15 to 20 GB each, unpacked and packed, and what pods write.
_ROOT_GIB_WITH_NVME = 100
_ROOT_GIB_WITHOUT_NVME = 300
# Longer than most starts may take; `settle` raises it where a probe waits longer, so that a node is not given up
# while a model loads.
_CONSOLIDATE_AFTER_S = 1800


def plan_pools(
    platform: Platform, network: NetworkPlan, cluster: ClusterPlan, findings: Findings
) -> tuple[PoolPlan, ...]:
    """Plan every pool that can be planned; the others leave findings."""
    # One that stands there twice is told as that, and costs no budget twice.
    once = {id(pool): pool for pool in platform.pools if not pool.broken}.values()
    planned = (_plan_pool(pool, platform, network, cluster, findings) for pool in once)
    return tuple(pool for pool in planned if pool is not None)


def settle(pools: tuple[PoolPlan, ...], endpoints: tuple[EndpointPlan, ...]) -> tuple[PoolPlan, ...]:
    """Give every pool its size at rest, and patience with starts, now that the endpoints are placed."""
    patient = (replace(pool, consolidate_after_s=_patience_s(pool, endpoints)) for pool in pools)
    return tuple(
        replace(pool, desired_nodes=nodes_at_rest(pool, endpoints), mean_nodes=mean_nodes_at_rest(pool, endpoints))
        for pool in patient
    )


def _patience_s(pool: PoolPlan, endpoints: Iterable[EndpointPlan]) -> int:
    """Seconds after which Karpenter gives a node up: a minute more than the longest startup probe on it waits."""
    longest = max((item.startup.budget_s for item in endpoints if item.pool == pool.name), default=0)
    return max(pool.consolidate_after_s, longest + 60)


def _plan_pool(
    pool: GpuPool, platform: Platform, network: NetworkPlan, cluster: ClusterPlan, findings: Findings
) -> PoolPlan | None:
    types = _instance_types(pool, platform, findings)
    zones = _zones(pool, platform, network, findings)
    if types is None or zones is None:
        return None
    provisioner = _provisioner(pool, cluster)
    check_provisioner(pool, provisioner, cluster, findings)
    check_block(pool, f"pools.{pool.name}.capacity", types[0].name, findings)
    choice = choose_type(pool, types, provisioner, platform.region)
    main = choice.planned
    assert main.gpu is not None  # noqa: S101  # _instance_types lets only GPU types through
    shares = plan_shares(pool, main, main.gpu, findings)
    if shares is None:
        return None
    nics: tuple[Nic, ...] = nic_layout(main, pool.efa_layout) if pool.efa else ()
    raid0 = all(item.nvme_gb > 0 for item in types)
    labels = {
        POOL_LABEL: pool.name,
        **({PLATFORM_LABEL: platform.name} if cluster.shared else {}),
        **_gpu_labels(cluster),
        **({"vpc.amazonaws.com/efa.present": "true"} if pool.efa else {}),
        **({ACCELERATOR_LABEL: "nvidia"} if cluster.autoscaler == "cluster-autoscaler" else {}),
        **shares.labels,
        **pool.labels,
    }
    reserved = isinstance(pool.capacity, Reservation | CapacityBlock)
    return PoolPlan(
        name=pool.name,
        spec=pool,
        instance_types=types,
        provisioner=provisioner,
        zones=zones,
        min_nodes=pool.nodes[0],
        max_nodes=pool.nodes[1],
        desired_nodes=pool.nodes[0],
        capacity_types=_capacity_types(pool, provisioner),
        nics=nics,
        efa_per_node=sum(nic.interface_type in {"efa", "efa-only"} for nic in nics),
        gpus_per_node=shares.per_node,
        gpu=shares.device,
        labels=labels,
        taints=(GPU_TAINT,),
        ami_type=eks.ami_for(main).ami_type,
        ami_release=_ami_release(pool, cluster),
        root_volume_gib=pool.root_volume_gib or (_ROOT_GIB_WITH_NVME if raid0 else _ROOT_GIB_WITHOUT_NVME),
        raid0=raid0,
        max_pods=min(eks.max_pods(item, prefix_delegation=True, efa=pool.efa) for item in types),
        placement_group=pool.efa and not reserved,
        consolidate_after_s=_CONSOLIDATE_AFTER_S,
        usd_per_node_hour=_price(main.name, platform.region, pool.capacity.kind),
        planned_type=main,
        type_why=choice.why,
        other_types=choice.others,
        node_cache=raid0 and keeps_models(pool, platform),
        grows=provisioner != "managed" or cluster.autoscaler == "cluster-autoscaler",
    )


def _ami_release(pool: GpuPool, cluster: ClusterPlan) -> str:
    """Release version of the node group's AMI, for example ``1.35.7-20260903``."""
    pinned = release.ami_release if (release := eks.version(cluster.version)) else None
    if pool.ami_release is None or pinned is None:
        return pinned or ""
    return f"{pinned.rpartition('-')[0]}-{pool.ami_release.removeprefix('v')}"


def _gpu_labels(cluster: ClusterPlan) -> dict[str, str]:
    """What device plugins and exporters find GPU nodes by.

    A GPU operator writes that label itself. Of what it brings, a node of ours leaves out what its image and its boot
    have done: a value that a node has the operator keeps (NVIDIA/gpu-operator@a22dbf671 controllers/state_manager.go
    ``addGPUStateLabels``).
    """
    if GPU_OPERATOR not in cluster.installed:
        return {"nvidia.com/gpu.present": "true"}
    return {f"nvidia.com/gpu.deploy.{part}": "false" for part in ("driver", "container-toolkit", "mig-manager")}


def _price(instance_type: str, region: str, capacity: str) -> float | None:
    price = prices.bought_usd_per_hour(instance_type, region, capacity)
    return None if price is None else price.usd


def _instance_types(pool: GpuPool, platform: Platform, findings: Findings) -> tuple[InstanceType, ...] | None:
    found: list[InstanceType] = []
    for index, instance in check_type_names(pool, f"pools.{pool.name}", findings):
        name, path = instance.name, entry_path(f"pools.{pool.name}.instance_types", index)
        if pool.efa and instance.efa_interfaces == 0:
            smallest = next(
                (
                    item.name
                    for item in instances.all_gpu_types()
                    if item.family == instance.family and item.efa_interfaces
                ),
                "p5.48xlarge",
            )
            findings.error(
                "LLM_CAP_21",
                pool,
                path,
                f"{name} has no Elastic Fabric Adapter",
                found=f"{name} with efa=True",
                expected=f"a type with EFA, for example {smallest}",
                fix=f"use {smallest}, or drop efa=True",
                runtime_message=f"The instance type {name} does not support Elastic Fabric Adapter",
            )
            continue
        check_offered(name, platform.region, pool, path, findings)
        found.append(instance)
    if len(found) < len(pool.instance_types):
        return None
    if not _alike(pool, found, platform, findings):
        return None
    return tuple(found)


def _alike(pool: GpuPool, types: list[InstanceType], platform: Platform, findings: Findings) -> bool:
    path = f"pools.{pool.name}.instance_types"
    names = ", ".join(item.name for item in types)
    if pool.efa and len(types) > 1:
        findings.error(
            "LLM_CAP_22",
            pool,
            path,
            "an EFA pool has exactly one instance type, because the network cards of a launch template fit one type",
            found=names,
            expected=f"one type, for example {types[0].name}",
            fix="split the pool, one type each",
        )
        return False
    gpus = {(item.gpu.device, item.gpu.count) for item in types if item.gpu}
    if len(gpus) > 1:
        report_mixed(pool, types, platform, findings)
        return False
    if len({item.arch for item in types}) > 1:
        findings.error(
            "LLM_CAP_31",
            pool,
            path,
            "the types of a pool must share a CPU architecture, because they share an AMI and images",
            found=names,
            expected="x86_64 or arm64, not both",
            fix="split the pool by architecture",
        )
        return False
    return True


def _zones(pool: GpuPool, platform: Platform, network: NetworkPlan, findings: Findings) -> tuple[str, ...] | None:
    path = f"pools.{pool.name}.zones"
    good = [
        check_zone(zone, entry_path(path, index), platform, findings, among=network.zones, at=pool)
        for index, zone in enumerate(pool.zones)
    ]
    if not all(good):
        return None
    reserved = isinstance(pool.capacity, CapacityBlock) or (
        isinstance(pool.capacity, Reservation) and pool.capacity.reservation_id is not None
    )
    if (pool.efa or reserved) and len(pool.zones) > 1:
        findings.error(
            "LLM_CAP_24",
            pool,
            path,
            "EFA traffic does not cross zones" if pool.efa else "a reservation lies in exactly one zone",
            found=", ".join(pool.zones),
            expected="one zone",
            fix=f"keep one, for example zones=[{pool.zones[0]!r}]",
        )
        return None
    if reserved and not pool.zones:
        findings.warning(
            "LLM_CAP_23",
            pool,
            path,
            "the zone of the reservation is not declared; the first zone of the network is assumed",
            found="no zones",
            expected="the zone that `aws ec2 describe-capacity-reservations` shows",
            fix=f"set zones=[…] of the pool; assumed {network.zones[0]}",
            runtime_message="InsufficientInstanceCapacity or a capacity reservation that does not match the zone",
        )
    if pool.zones:
        return tuple(pool.zones)
    return network.zones[:1] if pool.efa or reserved else network.zones


def _provisioner(pool: GpuPool, cluster: ClusterPlan) -> Literal["managed", "karpenter", "cluster-autoscaler"]:
    if pool.provisioner == "managed":
        return "managed"
    if pool.provisioner == "karpenter":
        return "karpenter"
    fixed = pool.efa or isinstance(pool.capacity, Reservation | CapacityBlock)
    # Karpenter does not know how many shares a node will have; the Cluster Autoscaler reads it from a tag.
    shared = pool.sharing is not None and cluster.autoscaler == "karpenter"
    return "managed" if fixed or shared else cluster.autoscaler


def _capacity_types(pool: GpuPool, provisioner: str) -> tuple[Literal["reserved", "spot", "on-demand"], ...]:
    if isinstance(pool.capacity, Spot):
        falls_back = pool.capacity.fallback_on_demand and provisioner == "karpenter"
        return ("spot", "on-demand") if falls_back else ("spot",)
    if isinstance(pool.capacity, Reservation | CapacityBlock):
        return ("reserved",)
    return ("on-demand",)
