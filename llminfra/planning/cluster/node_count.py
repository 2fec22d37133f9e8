"""How many nodes of a pool there are for how many replicas: at rest, in the mean of a week, at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.served.hours import fewest_in_hours, mean_nodes, working_hours

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.planning.plan.infrastructure import PoolPlan


def nodes_for(pool: PoolPlan, replicas: Iterable[tuple[EndpointPlan, int]], *, at_once: bool = True) -> int:
    """Nodes that so many replicas of each endpoint take, whatever the pool may have.

    Karpenter spreads those of an endpoint over the pool's zones. It takes a spread that the scheduler may leave as one
    that it has to keep, as long as nodes may be had for it, and gives up none that has pods
    (kubernetes-sigs/karpenter, pkg/controllers/provisioning/scheduling/preferences.go:
    ``removeTopologySpreadScheduleAnyway`` is the last to go, with the default ``preference-policy`` ``Respect``). A
    node group has its number of nodes, and the scheduler puts what is more than a zone's share where there is room.

    Args:
        pool: Where they run.
        replicas: Endpoints with how many of each.
        at_once: Whether they start together. One that comes later takes room that is there before anybody starts a
            node for it, whatever the zone.
    """
    zones = len(pool.zones) if pool.provisioner == "karpenter" and at_once else 1
    parts: list[list[int]] = [[] for _ in range(zones)]
    for item, count in replicas:
        most, more = divmod(count, zones)
        for index, part in enumerate(parts):
            part.extend([_gpus_of_part(item)] * item.nodes * (most + (index < more)))
    return sum(_packed(part, pool.gpus_per_node) for part in parts)


def _gpus_of_part(item: EndpointPlan) -> int:
    """GPUs of a replica on one node."""
    return -(-item.parallelism.gpus // item.nodes)


def _packed(parts: Sequence[int], gpus_per_node: int) -> int:
    """Nodes for pods of so many GPUs each, the largest first: none is cut over two nodes."""
    free: list[int] = []
    for gpus in sorted(parts, reverse=True):
        for index, left in enumerate(free):
            if left >= gpus:
                free[index] -= gpus
                break
        else:
            free.append(gpus_per_node - gpus)
    return len(free)


def nodes_at_rest(pool: PoolPlan, endpoints: Iterable[EndpointPlan]) -> int:
    """What the fewest replicas on the pool need, or all of a capacity block, which is paid for.

    Karpenter keeps no node that no pod needs, whatever the pool's minimum (LLM_CAP_49).
    """
    if pool.spec.capacity.kind == "capacity-block":
        return pool.max_nodes
    needed = nodes_for(pool, ((item, _at_rest(item, pool)) for item in endpoints if item.pool == pool.name))
    return min(pool.max_nodes, max(_kept(pool), needed))


def mean_nodes_at_rest(pool: PoolPlan, endpoints: Iterable[EndpointPlan]) -> float | None:
    """The same in the mean of a week; ``None`` without working hours, and where nodes stay outside of them."""
    here = [item for item in endpoints if item.pool == pool.name]
    if not gives_back(pool) or not any(working_hours(item.spec) for item in here):
        return None

    def needed(counts: Sequence[int]) -> int:
        return min(pool.max_nodes, max(_kept(pool), nodes_for(pool, zip(here, counts, strict=True))))

    empty_s = pool.consolidate_after_s if pool.provisioner == "karpenter" else 0
    return mean_nodes([item.spec for item in here], needed, empty_s=empty_s)


def gives_back(pool: PoolPlan) -> bool:
    """Whether nodes that no pod needs go, and cost nothing from then on."""
    return pool.grows and pool.spec.capacity.kind in {"on-demand", "spot"}


def _kept(pool: PoolPlan) -> int:
    """Nodes that the pool has whether pods need them or not."""
    return 0 if pool.provisioner == "karpenter" else pool.min_nodes


def _at_rest(item: EndpointPlan, pool: PoolPlan) -> int:
    """The fewest replicas; where nodes do not go outside of working hours, those that the hours keep."""
    return item.min_replicas if gives_back(pool) else max(item.min_replicas, fewest_in_hours(item.spec))
