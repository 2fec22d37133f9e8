"""Pools whose types differ in GPUs: what is wrong, and which type is the cheapest home of the pool's endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.findings import Findings
from llminfra.planning.selection import Option, list_options
from llminfra.planning.served.endpoint_model import model_facts
from llminfra.planning.served.engine_release import find_release
from llminfra.planning.served.engine_settings import engine_settings
from llminfra.planning.served.memory_case import memory_case
from llminfra.planning.served.overflow import placed
from llminfra.planning.spread.parallelism import Promise, shape_of

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.spec.compute.gpu_pool import GpuPool
    from llminfra.spec.endpoint import Endpoint
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
    homes = []
    for endpoint in placed(platform.workloads):
        if endpoint.on is pool or getattr(endpoint.on, "name", None) == pool.name:
            best = _cheapest(endpoint, names, platform.region)
            if best is not None and best.parallelism is not None:
                price = f", ${best.usd_per_hour:,.2f}/h a node" if best.usd_per_hour is not None else ""
                shape = shape_of(best.parallelism)
                homes.append(f"{best.instance_type} is the cheapest that holds {endpoint.name} ({shape}{price})")
    return f"keep one of them, or declare {split}" + (f"; {'; '.join(homes)}" if homes else "")


def _cheapest(endpoint: Endpoint, names: tuple[str, ...], region: str) -> Option | None:
    if endpoint.broken or endpoint.model.broken or endpoint.engine.broken:
        return None
    # What is wrong with the endpoint itself is found where it is planned.
    unheard = Findings()
    facts = model_facts(endpoint, unheard)
    release = find_release(endpoint, facts, unheard)
    settings = engine_settings(endpoint.engine, release)
    if facts is None or not settings.judged:
        return None
    promise, case = Promise.of(endpoint), memory_case(endpoint, facts, settings)
    if (spread := endpoint.parallelism) is not None:
        update = {"tensor_parallel": spread.tensor, "pipeline_parallel": spread.pipeline}
        case = case.model_copy(update={**update, "expert_parallel": spread.expert})
    options = list_options(
        facts,
        case,
        region,
        concurrency=promise.concurrency,
        load=promise.load(case.max_model_len, facts),
        release=release,
        sort_by="instance",
        among=names,
    )
    return next((item for item in options if item.fits), None)
