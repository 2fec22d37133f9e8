"""The picture of a plan: its models in the frames where they run, and what flows between all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.cli.page.drawn import Architecture, Box, Frame
from llminfra.cli.page.flows import Parts, bedrock_frame, flows, gateways, queues, storage
from llminfra.cli.terminal.words import bought, count, dot, span, vpc_endpoints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.cli.page.served import Served
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.infrastructure import LustrePlan, NetworkPlan, PoolPlan
    from llminfra.planning.plan.targets import BatchPlan


def architecture(plan: Plan, models: tuple[Served, ...], anchor: str) -> Architecture:
    """The picture of a plan.

    Args:
        plan: The plan.
        models: What it serves.
        anchor: What places of this platform in the page begin with.
    """
    parts = Parts()
    boxes = {item.name: _model(item, anchor) for item in models}
    storage(plan, parts)
    for item in models:
        flows(item, plan, parts)
    frames = [_cluster(plan, boxes)] if plan.cluster is not None else []
    frames += _machines(plan, models, boxes)
    managed = []
    if plan.sagemaker:
        hosted = tuple(boxes[each.name] for each in plan.sagemaker)
        managed.append(Frame(kind="managed", title="Amazon SageMaker", note="interfaces in the VPC", boxes=hosted))
    if plan.bedrock is not None:
        managed.append(bedrock_frame(plan.bedrock, parts))
    ways_in, waiting = tuple(gateways(plan, parts)), tuple(queues(plan, parts))
    network = plan.network
    blocks = {item.zone: item.cidr for item in network.subnets if item.kind == "private"}
    return Architecture(
        region=plan.platform.region,
        network=_network(network),
        zones=tuple((zone, blocks.get(zone, "")) for zone in network.zones if network.there),
        callers=tuple(parts.callers.values()),
        queues=waiting,
        gateways=ways_in,
        inside=tuple(frames),
        managed=tuple(managed),
        file_systems=tuple(map(_file_system, plan.lustre)),
        services=tuple(parts.services.values()),
        edges=tuple(parts.edges),
    )


def _model(item: Served, anchor: str) -> Box:
    parallel = item.plan.parallelism
    spread = [f"TP {parallel.tensor}"]
    spread += [f"{key} {size}" for key, size in (("PP", parallel.pipeline), ("DP", parallel.data)) if size > 1]
    name = item.plan.model_id.rpartition("/")[2]
    return Box(
        id=f"model:{item.name}",
        kind="model",
        title=item.name,
        lines=(name, dot(f"{item.plan.engine} {item.plan.engine_version}", " × ".join(spread), item.scale)),
        gpus=item.gpus * item.machines,
        used=min(parallel.gpus, item.gpus * item.machines),
        href=f"#{anchor}-model-{item.name}",
    )


def _cluster(plan: Plan, boxes: dict[str, Box]) -> Frame:
    cluster = plan.eks
    system = cluster.system_nodes
    note = f"{cluster.name}, which is there"
    if system is not None:
        private = "private API" if not cluster.public_access_cidrs else "public API"
        nodes = f"system nodes {system.instance_types[0]} × {span(system.min_nodes, system.max_nodes)}"
        note = dot(private, cluster.autoscaler, nodes)
    on_pool: dict[str, list[Box]] = {pool.name: [] for pool in plan.pools}
    for item in plan.endpoints:
        on_pool[item.pool].append(boxes[item.name])
    return Frame(
        kind="cluster",
        title=f"EKS {cluster.version}",
        note=note,
        frames=tuple(_pool(pool, tuple(on_pool[pool.name])) for pool in plan.pools),
    )


def _pool(pool: PoolPlan, boxes: tuple[Box, ...]) -> Frame:
    others = len(pool.instance_types) - 1
    types = f"{pool.main_type.name}{f' or {others} more' if others else ''}"
    efa = f"{pool.efa_per_node} EFA" if pool.efa_per_node else ""
    return Frame(
        kind="pool",
        title=f"{pool.name} · {types} × {span(pool.min_nodes, pool.max_nodes)}",
        note=dot(f"{pool.gpus_per_node} × {pool.gpu.upper()} a node", efa, bought(pool)),
        zones=pool.zones,
        boxes=boxes,
    )


def _machines(plan: Plan, models: tuple[Served, ...], boxes: dict[str, Box]) -> Iterator[Frame]:
    """Instances outside the cluster."""
    on = {item.name: dot(item.machine, count(item.gpus, "GPU")) for item in models}
    groups = [(item.name, item.zones, "EC2 Auto Scaling, internal load balancer", on[item.name]) for item in plan.ec2]
    jobs = [(item.name, item.zones, f"AWS Batch · {item.name}", _bought(item)) for item in plan.batches]
    for name, zones, title, note in (*groups, *jobs):
        yield Frame(kind="machines", title=title, note=note, zones=zones, boxes=(boxes[name],))


def _bought(item: BatchPlan) -> str:
    on = item.spec.on
    buys = "spot, else on demand" if on.spot and on.on_demand else "spot" if on.spot else "on demand"
    return dot(item.machine.main_type.name, buys, item.spec.schedule or "submitted by hand")


def _network(network: NetworkPlan) -> str:
    if not network.there:
        return "no VPC"
    if network.existing_vpc_id:
        return network.existing_vpc_id
    nat = {"per-zone": "NAT in each zone", "single": "one NAT gateway", "none": "no way out"}[network.nat]
    ends = vpc_endpoints(len(network.interface_endpoints), len(network.gateway_endpoints))
    return dot(f"VPC {network.cidr}", nat, ends)


def _file_system(item: LustrePlan) -> Box:
    return Box(
        id=f"lustre:{item.name}",
        kind="storage",
        title=item.name,
        lines=("FSx for Lustre", f"{item.capacity_gib:,} GiB", f"{item.throughput_mb_per_s:,.0f} MB/s"),
        zones=(item.zone,),
    )
