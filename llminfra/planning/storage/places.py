"""Buckets and Lustre file systems: zones, links, and sizes that FSx accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.network.vpc import check_zone
from llminfra.planning.plan.infrastructure import BucketPlan, LustrePlan, NetworkPlan, PoolPlan
from llminfra.spec.compute.gpu_pool import GpuPool

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.models.storage import Lustre
    from llminfra.spec.platform import Platform

# Amazon FSx for Lustre User Guide: PERSISTENT_2 SSD capacities are 1200 GiB, 2400 GiB and multiples of 2400 GiB.
_STEP_GIB = 2400
_SMALLEST_GIB = 1200


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
    if spec.capacity_gib != _SMALLEST_GIB and spec.capacity_gib % _STEP_GIB:
        lower = max(_SMALLEST_GIB, spec.capacity_gib // _STEP_GIB * _STEP_GIB)
        upper = (spec.capacity_gib // _STEP_GIB + 1) * _STEP_GIB
        findings.error(
            "LLM_STO_20",
            spec,
            f"{path}.capacity_gib",
            "FSx for Lustre does not come in this size",
            found=f"{spec.capacity_gib} GiB",
            expected="1200, 2400, or a multiple of 2400 GiB",
            fix=f"use {lower} or {upper}",
            runtime_message="Storage capacity must be 1200 GiB, 2400 GiB, or an increment of 2400 GiB",
        )
        return None
    readers = [endpoint for endpoint in platform.workloads if not endpoint.broken and endpoint.weights == spec]
    reader_pools = [pool for pool in pools if pool.name in _pool_names(readers)]
    zone = spec.zone or next((pool.zones[0] for pool in reader_pools or pools), network.zones[0])
    if not check_zone(zone, f"{path}.zone", platform, findings, among=network.zones):
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


def _pool_names(readers: list[Endpoint]) -> set[str]:
    return {endpoint.on.name for endpoint in readers if isinstance(endpoint.on, GpuPool)}
