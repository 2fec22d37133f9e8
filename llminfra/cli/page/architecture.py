"""What the picture of a platform shows: boxes, the frames they stand in, and what flows between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from llminfra.cli.terminal.words import count, dot, span, vpc_endpoints
from llminfra.planning.endpoints.gateways import gateway_of
from llminfra.planning.plan.endpoint import EndpointPlan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.cli.page.served import Served
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.spec.services.bedrock import PodAccess, RoleAccess

BoxKind = Literal["caller", "queue", "gateway", "model", "storage", "service", "outside"]
FrameKind = Literal["region", "network", "cluster", "pool", "machines", "managed"]
EdgeKind = Literal["requests", "cache", "weights", "results"]
_CAPACITY = {"on-demand": "on demand", "spot": "spot", "reservation": "reservation", "capacity-block": "capacity block"}
_HUB, _SECRETS = "outside:hub", "service:secrets"


class Box(Struct, frozen=True, kw_only=True):
    """One thing: ``used`` of ``gpus`` GPUs are shown as squares, ``zones`` as marks."""

    id: str
    kind: BoxKind
    title: str
    lines: tuple[str, ...] = ()
    gpus: int = 0
    used: int = 0
    zones: tuple[str, ...] = ()
    href: str | None = None


class Frame(Struct, frozen=True, kw_only=True):
    """Things that stand together: a pool with its endpoints, a cluster with its pools, a managed service."""

    kind: FrameKind
    title: str
    note: str = ""
    zones: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    frames: tuple[Frame, ...] = ()


class Edge(Struct, frozen=True, kw_only=True):
    """Something flows from one box to another."""

    start: str
    end: str
    kind: EdgeKind


class Architecture(Struct, frozen=True, kw_only=True):
    """A platform by where its parts are.

    Attributes:
        region: AWS region.
        network: Heading of the VPC.
        zones: Zone and its private block, in order.
        callers: Who sends requests.
        queues: SQS queues in front of endpoints.
        gateways: Gateways in the VPC.
        inside: Frames in the VPC.
        managed: Frames outside the VPC.
        file_systems: Storage in the VPC.
        services: Regional services, and what is outside of AWS.
        edges: What flows.
    """

    region: str
    network: str
    zones: tuple[tuple[str, str], ...]
    callers: tuple[Box, ...] = ()
    queues: tuple[Box, ...] = ()
    gateways: tuple[Box, ...] = ()
    inside: tuple[Frame, ...] = ()
    managed: tuple[Frame, ...] = ()
    file_systems: tuple[Box, ...] = ()
    services: tuple[Box, ...] = ()
    edges: tuple[Edge, ...] = ()


_PODS = Box(id="caller:pods", kind="caller", title="Applications", lines=("pods of the cluster", "OpenAI API"))


class _Parts(Struct):
    """Collects while the plan is read."""

    callers: dict[str, Box] = field(default_factory=dict)
    services: dict[str, Box] = field(default_factory=dict)
    edges: dict[Edge, None] = field(default_factory=dict)

    def flow(self, start: str, end: str, kind: EdgeKind) -> None:
        self.edges.setdefault(Edge(start=start, end=end, kind=kind))

    def bucket(self, uri: str) -> str:
        """The bucket of an address in S3, which is made elsewhere."""
        name = uri.removeprefix("s3://").partition("/")[0]
        found = f"bucket:{name}"
        self.services.setdefault(found, Box(id=found, kind="storage", title=name, lines=("S3 bucket",)))
        return found


def architecture(plan: Plan, models: tuple[Served, ...], anchor: str) -> Architecture:
    """The picture of a plan.

    Args:
        plan: The plan.
        models: What it serves.
        anchor: What places of this platform in the page begin with.
    """
    parts = _Parts()
    boxes = {item.name: _model(item, anchor) for item in models}
    _storage(plan, parts)
    for item in models:
        _flows(item, plan, parts)
    frames = [_cluster(plan, boxes)] if plan.cluster is not None else []
    frames += [
        Frame(
            kind="machines",
            title="EC2 Auto Scaling, internal load balancer",
            note=_machine(boxes[each.name], models),
            zones=each.zones,
            boxes=(boxes[each.name],),
        )
        for each in plan.ec2
    ]
    frames += [
        Frame(
            kind="machines",
            title=f"AWS Batch · {each.name}",
            note=_batch_note(plan, each.name),
            zones=each.zones,
            boxes=(boxes[each.name],),
        )
        for each in plan.batches
    ]
    managed = []
    if plan.sagemaker:
        hosted = tuple(boxes[each.name] for each in plan.sagemaker)
        managed.append(Frame(kind="managed", title="Amazon SageMaker", note="interfaces in the VPC", boxes=hosted))
    if plan.bedrock is not None:
        managed.append(_bedrock(plan, parts))
    gateways = tuple(_gateways(plan, parts))
    queues = tuple(_queues(plan, parts))
    network = plan.network
    nat = {"per-zone": "NAT in each zone", "single": "one NAT gateway", "none": "no way out"}[network.nat]
    ends = vpc_endpoints(len(network.interface_endpoints), len(network.gateway_endpoints))
    vpc = network.existing_vpc_id or f"VPC {network.cidr}"
    blocks = {item.zone: item.cidr for item in network.subnets if item.kind == "private"}
    return Architecture(
        region=plan.platform.region,
        network=(vpc if network.existing_vpc_id else dot(vpc, nat, ends)) if network.there else "no VPC",
        zones=tuple((zone, blocks.get(zone, "")) for zone in network.zones if network.there),
        callers=tuple(parts.callers.values()),
        queues=queues,
        gateways=gateways,
        inside=tuple(frames),
        managed=tuple(managed),
        file_systems=tuple(
            Box(
                id=f"lustre:{item.name}",
                kind="storage",
                title=item.name,
                lines=(
                    "FSx for Lustre",
                    f"{item.capacity_gib:,} GiB",
                    f"{item.throughput_mb_per_s:,.0f} MB/s",
                ),
                zones=(item.zone,),
            )
            for item in plan.lustre
        ),
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
        note=dot(f"{pool.gpus_per_node} × {pool.gpu.upper()} a node", efa, _CAPACITY[pool.spec.capacity.kind]),
        zones=pool.zones,
        boxes=boxes,
    )


def _machine(box: Box, models: tuple[Served, ...]) -> str:
    item = next(item for item in models if f"model:{item.name}" == box.id)
    return dot(item.machine, count(item.gpus, "GPU"))


def _batch_note(plan: Plan, name: str) -> str:
    item = next(each for each in plan.batches if each.name == name)
    on = item.spec.on
    buys = "spot, else on demand" if on.spot and on.on_demand else "spot" if on.spot else "on demand"
    return dot(item.machine.main_type.name, buys, item.spec.schedule or "submitted by hand")


def _bedrock(plan: Plan, parts: _Parts) -> Frame:
    bedrock = plan.bedrock
    assert bedrock is not None  # noqa: S101  # the caller has looked
    boxes = tuple(
        Box(id=f"bedrock:{item.name}", kind="service", title=item.name, lines=(item.spec.id,))
        for item in bedrock.models
    )
    accesses: list[PodAccess | RoleAccess] = [*bedrock.pods, *bedrock.roles]
    for access in accesses:
        who = f"{access.namespace}/{access.service_account}" if access.kind == "pod" else access.role_name
        what = "pods of a service account" if access.kind == "pod" else "IAM role"
        caller = f"caller:{access.kind}:{who}"
        parts.callers.setdefault(caller, Box(id=caller, kind="caller", title=who, lines=(what,)))
        for item in bedrock.of(access):
            parts.flow(caller, f"bedrock:{item.name}", "requests")
    guard = "guardrail" if bedrock.spec.guardrail is not None else ""
    return Frame(kind="managed", title="Amazon Bedrock", note=guard, boxes=boxes)


def _queues(plan: Plan, parts: _Parts) -> Iterator[Box]:
    for item in plan.async_endpoints:
        box = Box(
            id=f"queue:{item.name}",
            kind="queue",
            title=item.name,
            lines=(
                "SQS, then pods" if item.workers else "SQS, then Lambda in the VPC",
                f"{item.spec.max_concurrency} requests at once",
            ),
        )
        sender = "caller:senders"
        parts.callers.setdefault(
            sender, Box(id=sender, kind="caller", title="Senders", lines=("sqs:SendMessage", "answers in S3, by SNS"))
        )
        parts.flow(sender, box.id, "requests")
        _requests(box.id, item.behind, plan, parts)
        yield box


def _requests(sender: str, endpoint: str, plan: Plan, parts: _Parts) -> None:
    """Requests to an endpoint, and to the replicas that its Service has on another pool."""
    parts.flow(sender, f"model:{endpoint}", "requests")
    if (beyond := plan.overflow_of(endpoint)) is not None:
        parts.flow(sender, f"model:{beyond.name}", "requests")


def _gateways(plan: Plan, parts: _Parts) -> Iterator[Box]:
    for router in plan.routers:
        here = f"router:{router.name}"
        parts.callers.setdefault("caller:pods", _PODS)
        parts.flow("caller:pods", here, "requests")
        for role in (router.prefill, router.decode):
            parts.flow(here, f"model:{role}", "requests")
        parts.flow(f"model:{router.prefill}", f"model:{router.decode}", "cache")
        yield Box(
            id=here, kind="gateway", title=router.name, lines=("router", "prompts and answers", "on separate pods")
        )
    where = {"cluster": "cluster-internal", "internal": "internal, TLS", "public": "public, TLS"}
    for item in plan.gateways:
        tenants = len(item.spec.tenants)
        asked = "tokens" if item.spec.oidc else "API keys" if tenants else "nobody is asked"
        box = Box(
            id=f"gateway:{item.name}",
            kind="gateway",
            title=item.name,
            lines=(
                "Envoy AI Gateway",
                where[item.spec.exposure],
                dot(asked, count(tenants, "tenant") if tenants else ""),
            ),
        )
        callers = {"cluster": "pods of the cluster", "internal": "in the VPC", "public": "on the internet"}
        caller = Box(
            id=f"caller:{item.spec.exposure}",
            kind="caller",
            title="Applications",
            lines=(callers[item.spec.exposure], "OpenAI API"),
        )
        parts.callers.setdefault(caller.id, caller)
        parts.flow(caller.id, box.id, "requests")
        for route in item.routes:
            _requests(box.id, route.endpoint, plan, parts)
        yield box


def _storage(plan: Plan, parts: _Parts) -> None:
    for bucket in plan.buckets:
        found = f"bucket:{bucket.name}"
        what = "S3 bucket, already there" if bucket.existing else "S3 bucket, versioned, KMS"
        parts.services[found] = Box(id=found, kind="storage", title=bucket.name, lines=(what,))
    for item in plan.lustre:
        if item.source_bucket:
            parts.flow(f"bucket:{item.source_bucket}", f"lustre:{item.name}", "weights")


def _flows(item: Served, plan: Plan, parts: _Parts) -> None:
    here = f"model:{item.name}"
    _weights(item, here, parts)
    batch = next((each for each in plan.batches if each.name == item.name and not item.address), None)
    if batch is not None:
        parts.flow(parts.bucket(batch.spec.input), here, "requests")
        parts.flow(here, parts.bucket(batch.spec.output), "results")
        return
    _callers(item, here, plan, parts)
    output = next((getattr(each.on, "output", None) for each in plan.sagemaker if each.name == item.name), None)
    if isinstance(output, str):
        parts.flow(here, parts.bucket(output), "results")


def _weights(item: Served, here: str, parts: _Parts) -> None:
    weights = item.plan.weights
    if weights.kind == "lustre":
        parts.flow(f"lustre:{weights.storage}", here, "weights")
    elif weights.kind == "hub":
        parts.services.setdefault(
            _HUB, Box(id=_HUB, kind="outside", title="Hugging Face Hub", lines=("outside of AWS, through NAT",))
        )
        parts.flow(_HUB, here, "weights")
    elif weights.storage:
        parts.flow(parts.bucket(weights.storage), here, "weights")
    for adapter in item.plan.adapters:
        parts.flow(parts.bucket(adapter.bucket), here, "weights")
    _secrets(item, parts)


def _secrets(item: Served, parts: _Parts) -> None:
    """Secrets are named beside whom they are for; edges to all of them would hide the rest."""
    endpoint = item.plan.spec
    names = {secret.name for secret in (endpoint.model.token, getattr(endpoint, "api_key", None)) if secret}
    before = parts.services.get(_SECRETS)
    whom = getattr(item.plan, "part_of", None) or item.name
    lines = (*(before.lines if before else ()), *(f"{name} for {whom}" for name in sorted(names)))
    lines = tuple(dict.fromkeys(lines))
    if lines:
        parts.services[_SECRETS] = Box(id=_SECRETS, kind="service", title="Secrets Manager", lines=lines)


def _callers(item: Served, here: str, plan: Plan, parts: _Parts) -> None:
    if isinstance(item.plan, EndpointPlan) and item.plan.role is not None:
        return  # through the router
    gateway = gateway_of(plan, item.plan.service if isinstance(item.plan, EndpointPlan) else item.name)
    if gateway is not None and gateway.spec.only_way_in:
        return
    if any(each.behind == item.name for each in plan.async_endpoints) and not isinstance(item.plan, EndpointPlan):
        return
    if isinstance(item.plan, EndpointPlan):
        parts.callers.setdefault("caller:pods", _PODS)
        parts.flow("caller:pods", here, "requests")
        return
    if any(each.name == item.name for each in plan.ec2):
        where, how, what = "vpc", "in the VPC", "OpenAI API over TLS"
    else:
        where, how, what = "iam", "roles in IAM", "sagemaker:InvokeEndpoint"
    box = Box(id=f"caller:{where}", kind="caller", title="Applications", lines=(how, what))
    parts.callers.setdefault(box.id, box)
    parts.flow(box.id, here, "requests")
