"""Rules on the nodes of the cluster's own parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.planning.controllers.load import system_load, system_room
from llminfra.rules.rule import Hit, rule

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

_MOST_NODES = 20
_NAMED = 3


@rule(
    code="LLM_CAP_48",
    title="System nodes have room for what runs there",
    severity=Severity.ERROR,
    looks_at="plan",
    why="Nothing adds system nodes: Karpenter starts GPU nodes, whose taint keeps other pods off. What has no room "
    "stays Pending: the release of a controller, a gateway or a router fails when its time is over, a copy of weights "
    "runs out of its deadline, and a queue gets fewer workers than its max_concurrency needs.",
    fix="give SystemNodes more nodes, or a larger instance type",
    source=(
        "planning/data/system_load.json: requests of add-ons and charts with their sources",
        "kubernetes/website concepts/scheduling-eviction/kube-scheduler: feasible nodes have the requests free",
    ),
)
def controllers_have_room(plan: Plan) -> Iterator[Hit]:
    """Requests of all pods there against the nodes that there will be: the fewest, but where they are added."""
    if plan.cluster is None or plan.cluster.system_nodes is None:
        return
    system = plan.cluster.system_nodes
    nodes = max(1, system.max_nodes if plan.cluster.autoscaler == "cluster-autoscaler" else system.min_nodes)
    if _fits(plan, nodes):
        return
    load, room = system_load(plan, nodes), system_room(plan, nodes)
    cpu, memory = sum(part.cpu_millis for part in load), sum(part.memory_mib for part in load)
    largest = ", ".join(f"{part.name} {part.cpu_millis:,}m and {part.memory_mib:,} MiB" for part in load[:_NAMED])
    enough = next((count for count in range(nodes, _MOST_NODES) if _fits(plan, count)), None)
    pair = None if enough is None else f"nodes=({enough}, {max(enough + 1, system.max_nodes)})"
    yield Hit(
        path="cluster.system_nodes.nodes",
        message="controllers, gateways, workers, copies of weights and DaemonSets request more than "
        f"{nodes} × {system.instance_types[0]} have; most take {largest}",
        found=f"{cpu:,}m of {room.cpu_millis:,}m CPU, {memory:,} of {room.memory_mib:,} MiB requested",
        expected=f"{pair}, or a larger instance type" if pair else "a larger instance type",
        fix=f"set Cluster(system_nodes=SystemNodes({pair})), or give its instance_types a larger one" if pair else "",
        runtime_message="0/n nodes are available: n Insufficient cpu",
    )


def _fits(plan: Plan, nodes: int) -> bool:
    load, room = system_load(plan, nodes), system_room(plan, nodes)
    return (
        sum(part.cpu_millis for part in load) <= room.cpu_millis
        and sum(part.memory_mib for part in load) <= room.memory_mib
    )


RULES = (controllers_have_room,)
