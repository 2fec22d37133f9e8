"""Buckets and Lustre file systems: zones, links, and sizes that FSx accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.network.vpc import check_zone
from llminfra.planning.plan.infrastructure import BucketPlan, LustrePlan, NetworkPlan, PoolPlan
from llminfra.planning.served.overflow import placed
from llminfra.spec.compute.gpu_pool import GpuPool

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.models.storage import Lustre
    from llminfra.spec.platform import Platform

# Amazon FSx for Lustre User Guide: PERSISTENT_2 SSD capacities are 1200 GiB, 2400 GiB and multiples of 2400 GiB.
_STEP_GIB = 2400
_SMALLEST_GIB = 1200
# The same, "Increasing storage capacity" and "Create a file system": steps of file systems with EFA, by MB/s per TiB.
_EFA_STEP_GIB = {125: 38_400, 250: 19_200, 500: 9_600, 1000: 4_800}


def plan_buckets(platform: Platform) -> tuple[BucketPlan, ...]:
    """One entry per declared bucket."""
    return tuple(
        BucketPlan(name=item.name, spec=item, existing=item.existing)
        for item in platform.storage
        if item.kind == "bucket" and not item.broken
    )


def plan_lustre(
    platform: Platform, network: NetworkPlan, pools: tuple[PoolPlan, ...], findings: Findings
) -> tuple[LustrePlan, ...]:
    """Plan every file system that can be created."""
    planned = (
        _plan_one(item, platform, network, pools, findings)
        for item in platform.storage
        if item.kind == "lustre" and not item.broken
    )
    return tuple(item for item in planned if item is not None)


def _plan_one(
    spec: Lustre, platform: Platform, network: NetworkPlan, pools: tuple[PoolPlan, ...], findings: Findings
) -> LustrePlan | None:
    path = f"storage.{spec.name}"
    if not _comes_in_size(spec, path, findings):
        return None
    readers = [endpoint for endpoint in placed(platform.workloads) if endpoint.weights == spec]
    reader_pools = [pool for pool in pools if pool.name in _pool_names(readers)]
    zone = spec.zone or next((pool.zones[0] for pool in reader_pools or pools), network.zones[0])
    if not check_zone(zone, f"{path}.zone", platform, findings, among=network.zones, at=spec):
        return None
    for pool in reader_pools:
        if zone not in pool.zones:
            findings.error(
                "LLM_STO_21",
                spec,
                f"{path}.zone",
                f"pool {pool.name!r} reads this file system from another zone: slow, billed per GB, and lost with it",
                found=f"file system in {zone}, pool in {', '.join(pool.zones)}",
                expected="the same zone",
                fix=f"set zone={pool.zones[0]!r} on the file system, or zones=[{zone!r}] on the pool",
            )
    return LustrePlan(
        name=spec.name,
        spec=spec,
        zone=zone,
        capacity_gib=spec.capacity_gib,
        throughput_mbps_per_tib=spec.throughput_mbps_per_tib,
        source_bucket=spec.source.name if spec.source else None,
        source_prefix=spec.source.prefix if spec.source else None,
        efa=spec.efa,
    )


def _comes_in_size(spec: Lustre, path: str, findings: Findings) -> bool:
    """Report a size that FSx refuses; true when it is fine."""
    step = _EFA_STEP_GIB[spec.throughput_mbps_per_tib] if spec.efa else _STEP_GIB
    smallest = step if spec.efa else _SMALLEST_GIB
    if spec.capacity_gib == smallest or spec.capacity_gib % step == 0:
        return True
    lower, upper = spec.capacity_gib // step * step, (spec.capacity_gib // step + 1) * step
    with_efa = f" with EFA at {spec.throughput_mbps_per_tib} MB/s per TiB" if spec.efa else ""
    findings.error(
        "LLM_STO_20",
        spec,
        f"{path}.capacity_gib",
        f"FSx for Lustre does not come in this size{with_efa}",
        found=f"{spec.capacity_gib} GiB{with_efa}",
        expected=f"a multiple of {step} GiB" if spec.efa else "1200, 2400, or a multiple of 2400 GiB",
        fix=(f"use {upper}" if spec.efa and not lower else f"use {max(smallest, lower)} or {upper}")
        + (", or leave efa=True out" if spec.efa else ""),
        runtime_message="Storage capacity must be 1200 GiB, 2400 GiB, or an increment of 2400 GiB",
    )
    return False


def _pool_names(readers: list[Endpoint]) -> set[str]:
    return {endpoint.on.name for endpoint in readers if isinstance(endpoint.on, GpuPool)}
