"""Pools whose types differ in GPUs: what is wrong, and which type is the cheapest home of the pool's endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.cluster.homes import homes
from llminfra.planning.served.overflow import placed
from llminfra.planning.spread.parallelism import shape_of

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.planning.findings import Findings
    from llminfra.spec.compute.gpu_pool import GpuPool
    from llminfra.spec.platform import Platform


def report_mixed(pool: GpuPool, types: list[InstanceType], platform: Platform, findings: Findings) -> None:
    """Report types that differ in the kind of their GPUs, or in their number."""
    kinds = {item.gpu.device for item in types if item.gpu}
    cause = (
        "must have GPUs of one kind, because a replica is planned for one"
        if len(kinds) > 1
        else "must have the same number of GPUs, because replicas are packed on nodes of one size"
    )
    findings.error(
        "LLM_CAP_30",
        pool,
        f"pools.{pool.name}.instance_types",
        f"the types of a pool {cause}",
        found=", ".join(f"{item.name} ({item.gpu.count} × {item.gpu.name})" for item in types if item.gpu),
        expected="types that differ in CPU, memory and disk only",
        fix=_fix(
            pool, types, platform, split="a pool for each kind of GPU" if len(kinds) > 1 else "a pool for each size"
        ),
    )


def _fix(pool: GpuPool, types: list[InstanceType], platform: Platform, *, split: str) -> str:
    names = tuple(item.name for item in types)
    told = []
    for endpoint in placed(platform.workloads):
        if endpoint.on is pool or getattr(endpoint.on, "name", None) == pool.name:
            best = next((item for item in homes(endpoint, platform.region, names) if item.fits), None)
            if best is not None and best.parallelism is not None:
                price = f", ${best.usd_per_hour:,.2f}/h a node" if best.usd_per_hour is not None else ""
                shape = shape_of(best.parallelism)
                told.append(f"{best.instance_type} is the cheapest that holds {endpoint.name} ({shape}{price})")
    return f"keep one of them, or declare {split}" + (f"; {'; '.join(told)}" if told else "")
