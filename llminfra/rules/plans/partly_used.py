"""GPUs of nodes with replicas that no replica ever takes, where a smaller type would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.diagnostics import Severity
from llminfra.planning.cheaper import CheaperType, cheaper_type
from llminfra.planning.cluster.node_count import gives_back, nodes_for
from llminfra.rules.rule import Hit, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.planning.plan.infrastructure import PoolPlan

_MOST_REPLICAS_MORE = 64
"""As many more replicas are looked at: a node has 8 GPUs at most, and 56 shares of them."""


@rule(
    code="LLM_CAP_61",
    title="Replicas use the GPUs of the nodes that they run on",
    severity=Severity.WARNING,
    looks_at="plan",
    why="An instance is paid as a whole. Where its replicas leave GPUs of it at every load, and a type is planned to "
    "hold all of them for less, the difference buys nothing. A pool that some load fills is not meant, nor one for "
    "which no cheaper type is as fast, has EFA where that is declared, or loads the model without a warning.",
    fix="use a smaller type, put more replicas or another endpoint on the pool",
    source=(
        "Amazon EC2 pricing is by the instance",
        "Amazon EC2 instance types, accelerated computing: types with 1 and with 8 of the same GPU",
    ),
)
def whole_nodes_are_used(plan: Plan) -> Iterator[Hit]:
    """GPUs that are left on the nodes of a pool at the load that leaves fewest of them, where a cheaper type holds all.

    Whole nodes that no replica ever fills are LLM_CAP_60's. Time slices are left alone: pods share all GPUs.
    """
    for pool in plan.pools:
        sliced = pool.spec.sharing is not None and pool.spec.sharing.kind == "time-slicing"
        here = [item for item in plan.endpoints if item.pool == pool.name and item.max_replicas]
        if not here or sliced:
            continue
        idle, nodes = _least_idle(pool, here)
        each = _shares_of_gpu(pool)
        if idle < each or (cheaper := cheaper_type(plan, pool)) is None:
            continue
        gpus, there = idle // each, nodes * pool.gpus_per_node // each
        always = not gives_back(pool) or any(item.min_replicas for item in here)
        at = "at any load" if always else "while it has nodes"
        yield Hit(
            path=f"pools.{pool.name}.instance_types",
            message=f"{gpus} of {there} GPUs of pool {pool.name} {'runs' if gpus == 1 else 'run'} no replica {at}"
            + _price(pool, idle, always=always),
            found=f"{_count(nodes, 'node')} of {pool.main_type.name} with {_names(pool, here)}",
            expected=_other(cheaper, pool, nodes),
            fix=_change(cheaper, pool) + _more(pool, here, nodes),
        )


def _least_idle(pool: PoolPlan, here: list[EndpointPlan]) -> tuple[int, int]:
    """GPUs that are idle at the load that leaves the fewest, and the nodes of it; shares of GPUs where they are cut."""
    per_node = pool.gpus_per_node
    least = [item.min_replicas for item in here]
    if not any(least):
        least[0] = 1
    used = sum(count * item.parallelism.gpus for item, count in zip(here, least, strict=True))
    nodes = nodes_for(pool, zip(here, least, strict=True))
    loads = [(nodes * per_node - used, nodes)]
    # Gaps repeat with the replicas of a node: more of them than a node has GPUs leave nothing new.
    counts = [
        range(fewest, min(item.max_replicas, fewest + per_node) + 1) for item, fewest in zip(here, least, strict=True)
    ]
    if len(here) == 1:
        (only,) = here
        for count in counts[0][1:]:
            nodes = nodes_for(pool, [(only, count)], at_once=False)
            loads.append((nodes * per_node - count * only.parallelism.gpus, nodes))
    else:  # replicas of several endpoints fill each other's gaps
        loads += [(-total % per_node, -(-total // per_node)) for total in _totals(here, counts) if total > used]
    return min(loads)


def _totals(here: list[EndpointPlan], counts: list[range]) -> set[int]:
    """GPUs that any load takes."""
    totals = {0}
    for item, several in zip(here, counts, strict=True):
        totals = {total + count * item.parallelism.gpus for total in totals for count in several}
    return totals


def _shares_of_gpu(pool: PoolPlan) -> int:
    gpu = pool.main_type.gpu
    return pool.gpus_per_node // gpu.count if gpu else 1


def _price(pool: PoolPlan, idle: int, *, always: bool) -> str:
    """What the idle GPUs cost: a month of them where nodes are always there."""
    if pool.usd_per_node_hour is None:
        return ""
    usd = pool.usd_per_node_hour * idle / pool.gpus_per_node
    return f": ${usd * HOURS_PER_MONTH:,.0f} a month" if always else f": ${usd:,.2f} an hour"


def _other(cheaper: CheaperType, pool: PoolPlan, nodes: int) -> str:
    same = "the same GPU" if cheaper.same_gpu else "another GPU, estimated to be no slower"
    there = f"{_count(cheaper.nodes, 'node')} of {cheaper.instance_type}{_at(cheaper.usd_per_node_hour)}"
    return f"{there} with {same}, instead of {nodes}{_at(pool.usd_per_node_hour)}"


_BOUGHT = {"capacity-block": " with the next block", "reservation": " with a reservation of them"}
"""What has to be bought before."""


def _change(cheaper: CheaperType, pool: PoolPlan) -> str:
    nodes = (min(pool.min_nodes, cheaper.nodes), cheaper.nodes)
    more = f" and nodes={nodes}" if cheaper.nodes > pool.max_nodes else ""
    change = f"set instance_types=['{cheaper.instance_type}']"
    return change + more + _BOUGHT.get(pool.spec.capacity.kind, "")


def _at(usd: float | None) -> str:
    return "" if usd is None else f" at ${usd:,.2f}/h"


def _more(pool: PoolPlan, here: list[EndpointPlan], nodes: int) -> str:
    """More replicas of the only endpoint that as many nodes hold: in one zone, where it is zones that keep them out."""
    if len(here) != 1:
        return "; or put another endpoint on the pool"
    (only,) = here
    most = only.max_replicas
    for zones in (pool.zones, pool.zones[:1]):
        in_zones = replace(pool, zones=zones)
        held = [
            count
            for count in range(most + 1, most + _MOST_REPLICAS_MORE)
            if nodes_for(in_zones, [(only, count)]) <= nodes
        ]
        if held:
            where = "" if zones == pool.zones else f" of one zone, GpuPool(zones=[{zones[0]!r}])"
            return f"; or let {only.name} have up to {held[-1]} replicas on as many nodes{where}"
    return "; or put another endpoint on the pool"


def _names(pool: PoolPlan, here: list[EndpointPlan]) -> str:
    part = "GPU" if pool.spec.sharing is None else "share"
    return ", ".join(
        f"{_count(item.max_replicas, 'replica')} of {item.name} with {_count(item.parallelism.gpus, part)}"
        f"{'' if item.max_replicas == 1 else ' each'}"
        for item in here
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


RULES = (whole_nodes_are_used,)
