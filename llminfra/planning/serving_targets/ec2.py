"""Endpoints on EC2 instances of their own: image, disks, patience, how they are bought, and who may call."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llminfra.catalog import prices
from llminfra.catalog.ec2_images import MachineImage, machine_image
from llminfra.catalog.gpus import find_gpu
from llminfra.planning.cluster.pool_checks import check_block
from llminfra.planning.plan.serving import Ec2EndpointPlan, Ec2Group, ServingPlan
from llminfra.planning.serving.serving import plan_serving
from llminfra.planning.serving.site import Site
from llminfra.planning.serving_targets.ec2_checks import (
    check_certificate,
    check_efa,
    check_ranks,
    check_reservation_zones,
    check_scaling,
)
from llminfra.planning.serving_targets.machines import machine, one_machine, report_idle_gpus, whole_instance, zones_of
from llminfra.spec.compute.capacity import CapacityBlock, Reservation, Spot
from llminfra.spec.compute.ec2 import Ec2

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.infrastructure import NetworkPlan, PoolPlan
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.platform import Platform

# The image of an engine is 15 to 20 GB, packed and unpacked, beside the system's 75 GiB; weights need room only where
# there is no local NVMe.
_ROOT_GIB = 150
_WEIGHTS_MARGIN = 1.2
# An instance is given up after this many times its planned start.
_PATIENCE = 2


def plan_ec2(platform: Platform, network: NetworkPlan, findings: Findings) -> tuple[Ec2EndpointPlan, ...]:
    """Plan every endpoint on EC2 that can be planned; the others leave findings."""
    planned = [
        _plan(endpoint, endpoint.on, platform, network, findings)
        for endpoint in platform.workloads
        if not endpoint.broken
        and isinstance(endpoint.on, Ec2)
        and not (endpoint.on.broken or endpoint.model.broken or endpoint.engine.broken)
    ]
    return tuple(item for item in planned if item is not None)


def _plan(
    endpoint: Endpoint, on: Ec2, platform: Platform, network: NetworkPlan, findings: Findings
) -> Ec2EndpointPlan | None:
    price = prices.bought_usd_per_hour(on.instance_type, platform.region, on.capacity.kind)
    usd = price.usd if price else None
    pool = machine(endpoint, on.instance_type, platform, findings, usd_per_hour=usd, efa=on.efa)
    zones = zones_of(endpoint, tuple(on.zones), platform, network, findings)
    if pool is None or zones is None or not check_efa(endpoint, on, pool, findings):
        return None
    if not on.efa and not one_machine(endpoint, pool, findings, fix="set efa=True, use a larger type, or quantize"):
        return None
    zones = check_reservation_zones(endpoint, on, zones, findings)
    check_certificate(endpoint, on, platform, findings)
    check_block(on, f"endpoints.{endpoint.name}.on.capacity", pool.main_type.name, findings)
    image = machine_image("x86_64" if pool.main_type.arch == "amd64" else "arm64")
    if on.ami_id is None and not _image_fits(endpoint, on, pool, image, findings):
        return None
    serving = plan_serving(endpoint, Site(pool=pool, platform=platform, lustre=(), place="ec2"), findings)
    if serving is None or not check_ranks(endpoint, serving, findings):
        return None
    report_idle_gpus(endpoint, pool, serving, findings)
    serving = whole_instance(serving, pool)
    seconds = {phase.name: phase.seconds for phase in serving.startup.phases}
    in_all = seconds["node"] + seconds["image"] + serving.startup.budget_s / _PATIENCE
    check_scaling(endpoint, on, serving, in_all, findings)
    weights_gib = math.ceil(serving.weights.bytes_total / 2**30 * _WEIGHTS_MARGIN)
    several = serving.nodes > 1
    return Ec2EndpointPlan(
        serving=serving,
        on=on,
        instance=pool.main_type,
        zones=zones,
        nics=pool.nics if several else (),
        placement_group=several and not isinstance(on.capacity, Reservation | CapacityBlock),
        groups=_groups(serving, zones),
        standby=isinstance(on.capacity, Spot) and on.capacity.fallback_on_demand,
        ami_name=image.name if image else "",
        root_volume_gib=on.root_volume_gib or _ROOT_GIB + (0 if pool.raid0 else weights_gib),
        raid0=pool.raid0,
        grace_s=math.ceil(in_all * _PATIENCE / 60) * 60,
        drain_s=serving.drain.grace_s,
        allow_from_cidrs=tuple(on.allow_from_cidrs) or (network.cidr,),
        usd_per_instance_hour=pool.usd_per_node_hour,
    )


def _image_fits(endpoint: Endpoint, on: Ec2, pool: PoolPlan, image: MachineImage | None, findings: Findings) -> bool:
    """Whether the pinned machine image starts on the type and its driver knows the GPU; reports where not."""
    gpu = find_gpu(pool.gpu)
    if image is None:
        message, found = "llminfra pins a machine image for x86_64 only", f"{on.instance_type} ({pool.main_type.arch})"
        expected = "an x86_64 type, or ami_id=… with Docker and the NVIDIA container toolkit"
    elif gpu is not None and gpu.capability < image.min_compute_capability:
        message = f"the NVIDIA driver {image.driver} of the pinned machine image does not know this GPU"
        found = f"{on.instance_type} with {gpu.product}, compute capability {gpu.compute_capability}"
        least = image.min_compute_capability
        expected = f"a GPU of compute capability {least // 10}.{least % 10} or newer, or ami_id=… with an older driver"
    else:
        return True
    findings.error(
        "LLM_CAP_43",
        on,
        f"endpoints.{endpoint.name}.on.instance_type",
        message,
        found=found,
        expected=expected,
        fix="use another instance type or name an image",
    )
    return False


def _groups(serving: ServingPlan, zones: tuple[str, ...]) -> tuple[Ec2Group, ...]:
    """One group for all replicas of an instance each; else one for each replica, in one zone: EFA crosses none."""
    if serving.nodes == 1:
        return (Ec2Group(suffix="", fewest=serving.min_replicas, most=serving.max_replicas, zones=zones),)
    return tuple(
        Ec2Group(suffix=f"-{index}", fewest=serving.nodes, most=serving.nodes, zones=(zones[index % len(zones)],))
        for index in range(serving.min_replicas)
    )
