"""Nodes of a pool that are paid for, and that no replica ever runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.planning.cluster.node_count import nodes_for
from llminfra.rules.rule import Hit, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.infrastructure import PoolPlan


@rule(
    code="LLM_CAP_60",
    title="Replicas can use every node that a pool always has",
    severity=Severity.WARNING,
    looks_at="plan",
    why="A capacity block is paid whole and in advance, and a managed pool never has fewer nodes than its minimum. "
    "Where all replicas at their most fill fewer, the rest is paid for and idle, whatever the load.",
    fix="raise the most replicas to what the nodes hold, or take fewer nodes",
    source=(
        "Amazon EC2 User Guide, ec2-capacity-blocks.html: paid upfront",
        "AWS EKS User Guide, managed-node-groups.html: minSize",
    ),
)
def nodes_are_used(plan: Plan) -> Iterator[Hit]:
    """Nodes at rest against those that the most replicas fill, with one for rollouts and failures where a pool is kept.

    Pools without replicas are left alone, and so are GPUs that are cut into shares.
    """
    for pool in plan.pools:
        gpus = _most_gpus(plan, pool)
        if not gpus or pool.spec.sharing is not None:
            continue
        block = pool.spec.capacity.kind == "capacity-block"
        filled = nodes_for(pool, ((item, item.max_replicas) for item in plan.endpoints if item.pool == pool.name))
        idle = pool.desired_nodes - filled - (0 if block else 1)
        if idle <= 0 or (not block and pool.desired_nodes > pool.min_nodes):
            continue
        cost = pool.usd_per_node_hour
        price = "" if cost is None else f", ${idle * cost:,.2f} an hour"
        most = filled if block else filled + 1
        runs = "runs" if idle == 1 else "run"
        yield Hit(
            path=f"pools.{pool.name}.nodes",
            message=f"{idle} of {pool.desired_nodes} nodes of pool {pool.name} {runs} no replica at any load{price}",
            found=f"{gpus} GPUs that all replicas use at their most, {pool.gpus_per_node} a node",
            expected=f"at most {_nodes(most)}",
            fix=_fix(plan, pool, most),
        )


def _most_gpus(plan: Plan, pool: PoolPlan) -> int:
    return sum(item.max_replicas * item.parallelism.gpus for item in plan.endpoints if item.pool == pool.name)


def _nodes(number: int) -> str:
    return f"{number} node{'' if number == 1 else 's'}"


def _fix(plan: Plan, pool: PoolPlan, nodes: int) -> str:
    here = [item for item in plan.endpoints if item.pool == pool.name]
    fewer = f"take {_nodes(nodes)}"
    if len(here) != 1:
        return f"raise the most replicas of {', '.join(item.name for item in here)}, or {fewer}"
    (only,) = here
    most = pool.desired_nodes * pool.gpus_per_node // only.parallelism.gpus
    return f"let {only.name} have up to {most} replicas, or {fewer}"


RULES = (nodes_are_used,)
