"""A pool of another instance type that holds all its replicas for less: planned like the declared one, to be sure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.catalog import instances, prices, quotas, regions
from llminfra.diagnostics import SpecError
from llminfra.loading.sound import without_added
from llminfra.planning.cluster.homes import homes
from llminfra.planning.cluster.node_count import nodes_for
from llminfra.planning.platform import plan_platform
from llminfra.spec.compute.gpu_pool import GpuPool

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.planning.performance import FullLoad
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.platform import Platform

_TRIED = 4
"""Types that are planned, of each kind: what the cheapest does not hold, another of its kind hardly does."""
_MOST_NODES = 1000
"""What a pool may have at most (``GpuPool.nodes``)."""


class CheaperType(Struct, frozen=True, kw_only=True):
    """Another type for a pool.

    Attributes:
        instance_type: Its name.
        gpus_per_node: GPUs of a node.
        same_gpu: Whether its GPUs are those of the declared type, so that a replica is as fast as before.
        nodes: Nodes for the most replicas.
        usd_per_node_hour: Price of a node, bought in the same way; ``None``: not known, as that of the declared type.
    """

    instance_type: str
    gpus_per_node: int
    same_gpu: bool
    nodes: int
    usd_per_node_hour: float | None


def cheaper_type(plan: Plan, pool: PoolPlan) -> CheaperType | None:
    """The cheapest type that holds what the pool's endpoints run at their most for less, and no less fast.

    Types with the same GPU come first. Another GPU is named where one endpoint has the pool to itself, and is
    estimated to answer as fast and as much on it. Where prices are unknown, fewer GPUs of the same kind are less.
    """
    now, told = _bill(plan, pool), None
    for names, same_gpu in ((_same_gpu(pool), True), (_other_gpus(plan, pool), False)):
        for name in [each for each in names if _may_be_had(pool, each, plan.platform.region)][:_TRIED]:
            found = _planned(plan.platform, pool.spec, (name,))
            if found is None:
                continue  # it does not fit
            told = _told_now(plan, pool) if told is None else told
            if _told(found) - told:
                continue  # it brings what llminfra would warn of next
            there = found.pool(pool.name)
            bill = _bill(found, there)
            if _less(bill, now):
                return CheaperType(
                    instance_type=name,
                    gpus_per_node=there.gpus_per_node,
                    same_gpu=same_gpu,
                    nodes=bill.nodes,
                    usd_per_node_hour=there.usd_per_node_hour,
                )
    return None


def _told_now(plan: Plan, pool: PoolPlan) -> set[tuple[str, str]]:
    """What is told of the declared types, planned like the others: in the same way, and of the same day."""
    return _told(_planned(plan.platform, pool.spec, pool.spec.instance_types) or plan)


def _told(plan: Plan) -> set[tuple[str, str]]:
    return {(item.code, item.path) for item in plan.diagnostics}


class _Bill(Struct, frozen=True, kw_only=True):
    """What the replicas of a pool take: nodes and GPUs at the most, and US dollars an hour at rest and at the most."""

    nodes: int
    gpus: int
    usd: tuple[float, float] | None


def _bill(plan: Plan, pool: PoolPlan) -> _Bill:
    here = [item for item in plan.endpoints if item.pool == pool.name]
    rest = nodes_for(pool, ((item, item.min_replicas) for item in here))
    most = nodes_for(pool, ((item, item.max_replicas) for item in here), at_once=_all_at_once(here))
    if pool.spec.capacity.kind == "capacity-block":
        rest = most
    price = pool.usd_per_node_hour
    usd = None if price is None else (rest * price, most * price)
    return _Bill(nodes=most, gpus=most * pool.gpus_per_node, usd=usd)


def _all_at_once(here: list[EndpointPlan]) -> bool:
    return all(item.min_replicas == item.max_replicas for item in here)


def _less(bill: _Bill, now: _Bill) -> bool:
    if bill.usd is None or now.usd is None:
        return bill.usd is now.usd is None and bill.gpus < now.gpus
    return bill.usd[0] <= now.usd[0] and bill.usd[1] < now.usd[1]


def _same_gpu(pool: PoolPlan) -> list[str]:
    """Types with fewer of the same GPU, the cheapest a GPU first."""
    gpu = pool.main_type.gpu
    found = [
        item
        for item in instances.all_gpu_types()
        if gpu and item.gpu and item.gpu.device == gpu.device and item.gpu.count < gpu.count
    ]
    return [item.name for item in sorted(found, key=_order)]


def _order(item: InstanceType) -> tuple[float, int]:
    price = prices.on_demand_usd_per_hour(item.name, "us-east-1")
    gpus = item.gpu.count if item.gpu else 1
    return (price.usd / gpus if price else float("inf"), gpus)


def _other_gpus(plan: Plan, pool: PoolPlan) -> Iterator[str]:
    """Types with another GPU on which the pool's only endpoint is as fast, the cheapest first."""
    here = [item for item in plan.endpoints if item.pool == pool.name]
    if len(here) != 1 or here[0].role is not None or here[0].overflow is not None or pool.spec.sharing is not None:
        return
    (only,) = here
    now, gpu = only.performance, pool.main_type.gpu
    if now is None or now.full is None or gpu is None:
        return
    for home in homes(only.spec, plan.platform.region):
        speed = home.speed
        if home.tight or home.gpu == gpu.device or home.usd_per_hour is None or speed is None or speed.full is None:
            continue
        if speed.answer_ms <= now.answer_ms and _tokens(speed.full) >= _tokens(now.full):
            yield home.instance_type


def _tokens(full: FullLoad) -> float:
    """Tokens a second at full load: of answers, or of inputs where answers come whole."""
    return full.input_tokens_per_s or full.output_tokens_per_s


def _may_be_had(pool: PoolPlan, name: str, region: str) -> bool:
    block = pool.spec.capacity.kind == "capacity-block"
    if block and name.partition(".")[0] not in quotas.capacity_block_families():
        return False
    return not regions.has_offerings(region) or region in regions.offered_in(name)


def _planned(platform: Platform, pool: GpuPool, names: Sequence[str]) -> Plan | None:
    """The platform with the pool on those types, with as many nodes as it takes; ``None``: that is an error."""
    other = pool.model_copy(update={"instance_types": tuple(names), "nodes": (0, _MOST_NODES)})
    copy = platform.model_copy(
        update={
            "pools": tuple(other if item is pool else item for item in platform.pools),
            "endpoints": tuple(_moved(item, pool, other) for item in platform.workloads),
            "gateways": (),
            "async_endpoints": (),
            "batches": (),
            "budget_usd_per_month": None,
        }
    )
    try:
        return plan_platform(without_added(copy))
    except SpecError:
        return None


def _moved(endpoint: Endpoint, pool: GpuPool, other: GpuPool) -> Endpoint:
    changed: dict[str, object] = {"on": other} if _is(endpoint.on, pool) else {}
    if endpoint.overflow is not None and _is(endpoint.overflow.on, pool):
        changed["overflow"] = endpoint.overflow.model_copy(update={"on": other})
    return endpoint.model_copy(update=changed) if changed else endpoint


def _is(on: object, pool: GpuPool) -> bool:
    return on is pool or (isinstance(on, GpuPool) and on.name == pool.name)
