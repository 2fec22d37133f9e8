"""What pods on the system nodes request, and what those nodes have.

Nothing adds system nodes when pods wait for them: Karpenter starts nodes of its own pools alone, whose taint keeps
controllers off, and a release whose pods stay pending fails when its time is over.
"""

from __future__ import annotations

from msgspec import Struct

from llminfra.catalog import eks, instances
from llminfra.planning.controllers.needs import Needs, needs_of
from llminfra.planning.facts import numbers
from llminfra.planning.plan import Plan
from llminfra.planning.serving.resources import allocatable_cpu_millis
from llminfra.planning.storage.commits import is_commit

_FILE = "system_load"


class Part(Struct, frozen=True):
    """Requests of one part of the cluster, all its pods together; millicores and MiB."""

    name: str
    cpu_millis: int
    memory_mib: int


def system_load(plan: Plan, nodes: int) -> tuple[Part, ...]:
    """Requests on that many system nodes, the largest first.

    Workers of queues count as many as there may be, and copies of weights all at once, as they run when a platform is
    installed. Parts without requests are not among them.
    """
    wanted, numbered = _wanted(needs_of(plan), plan), _numbered(plan)
    parts = [
        Part(row["name"], row["cpu_millis"] * pods, row["memory_mib"] * pods)
        for row in numbers(_FILE)["pods"]
        if row["for"] in wanted
        for many in [numbered[row["each"]] if "each" in row else row["pods"]]
        if (pods := min(many, nodes) if row.get("apart") else many)
    ]
    parts += [
        Part(f"{row['name']} on every node", row["cpu_millis"] * nodes, row["memory_mib"] * nodes)
        for row in numbers(_FILE)["every_node"]
        if row["for"] in wanted
    ]
    return tuple(sorted(parts, key=lambda part: (-part.cpu_millis, -part.memory_mib, part.name)))


def system_room(plan: Plan, nodes: int) -> Part:
    """What pods may request on that many system nodes of the smallest type, DaemonSets included.

    Memory is counted without the hypervisor's part, which differs by type: nodes have no more than this.
    """
    system = plan.eks.system_nodes
    types = [found for name in (system.instance_types if system else ()) if (found := instances.get(name))]
    overhead = numbers("node_overhead")
    memory = min(
        item.memory_mib
        - overhead["kube_reserved_base_mib"]["value"]
        - overhead["kube_reserved_mib_per_pod"]["value"] * eks.max_pods(item, prefix_delegation=False, efa=False)
        - overhead["eviction_threshold_mib"]["value"]
        for item in types
    )
    return Part("room", min(allocatable_cpu_millis(item) for item in types) * nodes, int(memory) * nodes)


def _wanted(needs: Needs, plan: Plan) -> frozenset[str]:
    """Values of ``for`` that hold."""
    fields = {name for name in Needs.__struct_fields__ if getattr(needs, name)}
    observability = plan.platform.own_observability
    grafana = observability is not None and observability.grafana == "in-cluster"
    return frozenset({"always", *fields, *(["grafana"] if grafana else [])})


def _numbered(plan: Plan) -> dict[str, int]:
    """Pods of what there may be several of: values of ``each``."""
    return {
        "gateway_pods": sum(item.spec.replicas for item in plan.gateways),
        "pickers": sum(len(item.routes) for item in plan.gateways),
        "routers": len(plan.routers),
        "workers": sum(item.workers.most for item in plan.async_endpoints if item.workers is not None),
        "copies": _copies(plan),
    }


def _copies(plan: Plan) -> int:
    """Jobs that copy weights and adapters into the platform's own buckets; see ``compiler.releases.weights_copy``."""
    if plan.network.nat == "none" and plan.network.existing_vpc_id is None:
        return 0
    own = {item.name for item in plan.buckets if not item.existing}
    behind = {item.name: item.source_bucket for item in plan.lustre}
    places = {
        (behind.get(item.weights.storage or "", item.weights.storage), item.weights.key)
        for item in plan.endpoints
        if item.weights.key and is_commit(item.revision)
    }
    places |= {
        (adapter.bucket, adapter.key)
        for item in plan.endpoints
        for adapter in item.adapters
        if adapter.model_id and adapter.revision
    }
    return sum(bucket in own for bucket, _ in places)
