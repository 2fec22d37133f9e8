"""What ``llminfra plan`` prints: one page for people, from 80 columns up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from llminfra.cli.plan_page.cost import cost_section
from llminfra.cli.plan_page.for_others import for_others
from llminfra.cli.plan_page.gateways import gateway_rows
from llminfra.cli.plan_page.keys import for_key_owner
from llminfra.cli.plan_page.reasons import at_rest, network_reasons, pool_reasons
from llminfra.cli.plan_page.serving import first_line, model_line, note, serving_lines, spread_words
from llminfra.cli.plan_page.shared import shared_lines
from llminfra.cli.plan_page.targets import target_rows
from llminfra.cli.plan_page.why import price_share
from llminfra.cli.plan_page.work import batch_rows, bedrock_rows, queue_rows
from llminfra.cli.terminal.findings import alike, finding_view, summary
from llminfra.cli.terminal.hours import hours_words
from llminfra.cli.terminal.words import bought, dot, duration, money, span, vpc_endpoints, zones
from llminfra.planning.endpoints.contract import contract
from llminfra.planning.endpoints.gateways import gateway_of, route_of
from llminfra.planning.served.hours import working_hours
from llminfra.planning.storage.weights_copies import bucket_of_weights, weights_copies
from llminfra.planning.targets.queues import worked_queue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.endpoint import EndpointPlan, RouterPlan
    from llminfra.planning.plan.infrastructure import ClusterPlan, LustrePlan, PoolPlan

_MOST_ADAPTERS = 8


def plan_view(plan: Plan, width: int, *, why: bool = False) -> RenderableType:
    """The whole plan, section by section; with ``why`` every line behind the endpoints' figures."""
    names = [item.name for section in (plan.pools, plan.endpoints, plan.ec2, plan.sagemaker) for item in section]
    names += [item.name for work in (plan.async_endpoints, plan.batches) for item in work]
    names += [item.name for item in plan.bedrock.models] if plan.bedrock else []
    names += [item.name for item in plan.gateways]
    label = min(max([len(name) for name in names], default=4), 16)
    bar = max(20, width - label - 2)
    parts: list[RenderableType] = [_head(plan, why=why)]
    if plan.pools:
        parts += [_title("GPU pools"), _rows(label, [_pool(item, plan, why=why) for item in plan.pools])]
    if plan.endpoints:
        parts += [
            _title("Endpoints"),
            _rows(label, [_endpoint(item, plan, bar, why=why) for item in plan.endpoints], spaced=True),
        ]
    if plan.routers:
        parts += [_title("Routers"), _rows(label, [_router(item, plan) for item in plan.routers], spaced=True)]
    if elsewhere := target_rows(plan, bar, why=why):
        parts += [_title("Endpoints outside the cluster"), _rows(label, elsewhere, spaced=True)]
    for title, rows in (
        ("Gateways", gateway_rows(plan)),
        ("Queues in front of endpoints", queue_rows(plan)),
        ("Batch inference", batch_rows(plan, bar, why=why)),
        ("Bedrock", bedrock_rows(plan)),
    ):
        if rows:
            parts += [_title(title), _rows(label, rows, spaced=True)]
    if plan.buckets or plan.lustre:
        parts += [_title("Storage"), _storage(plan)]
    if lines := list(for_others(plan)):
        parts += [
            _title("For specs of other platforms on this cluster"),
            *(Text(line, overflow="fold") for line in lines),
        ]
    if lines := list(for_key_owner(plan)):
        parts += [_title("For the owner of the key"), *(_whole(line) for line in lines)]
    parts += [_title("Cost"), cost_section(plan, why=why)]
    if plan.quotas:
        parts += [_title("AWS quotas, with every pool at its maximum"), _quotas(plan)]
    if plan.diagnostics:
        parts += [_title("Findings"), *_findings(plan)]
    return Group(*parts, Text())


def _whole(line: str) -> RenderableType:
    """A line to copy: where it is wider than the terminal, a line break in it would be copied, too."""
    return Text(line, no_wrap=True, overflow="ignore")


def _title(text: str) -> RenderableType:
    return Group(Text(), Text(text, style="bold underline"))


def _head(plan: Plan, *, why: bool) -> RenderableType:
    network, cluster, region = plan.network, plan.cluster, plan.platform.region
    nat = {"per-zone": "NAT in each zone", "single": "one NAT gateway", "none": "no NAT: closed network"}[network.nat]
    vpc = network.existing_vpc_id or f"VPC {network.cidr}"
    where = dot(vpc, zones(network.zones, region)) if network.there else ""
    ends = vpc_endpoints(len(network.interface_endpoints), len(network.gateway_endpoints))
    return Group(
        Rule(Text.assemble((plan.platform.name, "bold cyan"), f"  {region}"), align="left", style="cyan"),
        Text(
            where if network.existing_vpc_id else dot(where, nat, ends) if where else "no VPC: nothing would be in it"
        ),
        Text("no EKS cluster" if cluster is None else _cluster(cluster)),
        *(Text(line) for line in shared_lines(plan)),
        *(note("", line) for line in (network_reasons(plan) if why else ())),
    )


def _cluster(cluster: ClusterPlan) -> str:
    system = cluster.system_nodes
    if system is None:
        there = ", ".join(cluster.installed) or "nothing"
        return dot(f"EKS {cluster.version}", f"{cluster.name}, which is there", f"installed already: {there}")
    private = "private API" if not cluster.public_access_cidrs else "public API"
    nodes = f"{system.instance_types[0]} × {span(system.min_nodes, system.max_nodes)} for controllers"
    return dot(f"EKS {cluster.version}", private, nodes, cluster.autoscaler)


def _rows(label: int, rows: list[tuple[str, RenderableType]], *, spaced: bool = False) -> RenderableType:
    """Names on the left, what they are on the right."""
    table = Table.grid(padding=(0, 0, 0, 1), expand=True)
    table.add_column(width=label, style="bold", overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    for index, row in enumerate(rows):
        if index and spaced:
            table.add_row()
        table.add_row(*row)
    return table


def _router(item: RouterPlan, plan: Plan) -> tuple[str, RenderableType]:
    lines = [
        Text(
            f"{item.prefill} reads prompts with more than {item.remote_from_tokens:,} tokens that are not cached, "
            f"{item.decode} writes the answers"
        )
    ]
    tokens = 1024
    if item.cache_bytes_per_token is not None and (travel_ms := item.transfer_ms(tokens)) is not None:
        size_gb = tokens * item.cache_bytes_per_token / 1e9
        rate = f"{item.fabric_gbps:,.0f} Gbps"
        lines.append(Text(f"cache of {tokens:,} tokens: {size_gb:.2f} GB, {travel_ms:,.1f} ms at EFA's {rate}"))
    if gateway_of(plan, item.name) is None:
        lines.append(Text(f"called at {contract(item, plan).address}", style="dim"))
    return item.name, Group(*lines)


def _pool(pool: PoolPlan, plan: Plan, *, why: bool) -> tuple[str, RenderableType]:
    others = len(pool.instance_types) - 1
    nodes = f"{span(pool.min_nodes, pool.max_nodes)}{at_rest(pool)}"
    types = f"{pool.main_type.name}{f' or {others} more' if others else ''} × {nodes}"
    price = money(pool.usd_per_node_hour, "no price known", " /h a node")
    fabric = f"{pool.efa_per_node} EFA cards" if pool.efa_per_node else "no EFA"
    disk = f"{pool.root_volume_gib} GiB root"
    local = f"{pool.main_type.nvme_gb:,} GB NVMe" if pool.raid0 else ""
    body = Group(
        first_line(Text(types), price),
        Text(
            dot(
                _gpus(pool),
                fabric,
                bought(pool),
                zones(pool.zones, plan.platform.region),
                f"{pool.provisioner} nodes",
                disk,
                local,
            ),
            style="dim",
        ),
        *([note("why", pool.type_why)] if pool.type_why else []),
        *(note("or", other) for other in pool.other_types),
        *(note("", line) for line in (pool_reasons(pool, plan) if why else ())),
    )
    return pool.name, body


def _gpus(pool: PoolPlan) -> str:
    """GPUs of a node, or what they are cut into."""
    sharing, whole = pool.spec.sharing, pool.main_type.gpu
    if sharing is None or whole is None:
        return f"{pool.gpus_per_node} × {pool.gpu.upper()}"
    shares = (
        f"{pool.gpus_per_node} slices {sharing.profile}" if sharing.kind == "mig" else f"{pool.gpus_per_node} turns"
    )
    return f"{shares} of {whole.count} × {whole.device.upper()} for {', '.join(sharing.tenants)}"


def _adapters(item: EndpointPlan) -> list[RenderableType]:
    """The first adapters by name; each has its lines in JSON and in the report."""
    count, places = len(item.adapters), item.spec.adapters_on_gpu
    lines = [f"adapter {each.name}  s3://{each.bucket}/{each.key}" for each in item.adapters[:_MOST_ADAPTERS]]
    lines += [f"and {count - _MOST_ADAPTERS} more adapters"] if count > _MOST_ADAPTERS else []
    lines += [f"{places} of {count} adapters on the GPU at once"] if places is not None and places < count else []
    return [Text(line) for line in lines]


def _endpoint(item: EndpointPlan, plan: Plan, bar: int, *, why: bool) -> tuple[str, RenderableType]:
    pool = next((each for each in plan.pools if each.name == item.pool), None)
    replicas = f"{span(item.min_replicas, item.max_replicas)} {'replica' if item.max_replicas == 1 else 'replicas'}"
    if item.nodes > 1:
        replicas += f" of {item.nodes} nodes"
    elif item.replicas_per_node > 1:
        replicas += f", {item.replicas_per_node} fit a node"
    lines: list[RenderableType] = [
        model_line(item, money(item.usd_per_replica_hour, "", " /h a replica")),
        Text(dot(f"on {item.pool}", spread_words(item), replicas, f"{item.engine} {item.engine_version}")),
        *(Text(line, style="dim") for line in (*_hours(item, plan), *_beyond(item, plan))),
        *_adapters(item),
        *serving_lines(
            item,
            bar,
            machine="a node",
            patience=f"probe waits {duration(item.startup.budget_s)}",
            why=why,
            price=price_share(item.parallelism.gpus, pool),
        ),
    ]
    if item.weights.key and (bucket := bucket_of_weights(item, plan)):
        through = f" through {item.weights.storage}" if item.weights.storage != bucket else ""
        lines.append(Text(f"weights s3://{bucket}/{item.weights.key}{through}", style="dim"))
    if not item.part_of and gateway_of(plan, item.name) is None:  # a router or a gateway is called in its place
        lines.append(Text(f"called at {contract(item, plan).address}", style="dim"))
    return item.name, Group(*lines)


def _hours(item: EndpointPlan, plan: Plan) -> Iterator[str]:
    """What working hours keep, and what is left outside of them."""
    hours = working_hours(item.spec)
    yield from (hours_words(each) for each in hours)
    if hours and item.min_replicas == 0:
        route = route_of(plan, item.name)
        held = (route is not None and route.hold_s is not None) or worked_queue(plan, item.name)
        yield f"else none, once nobody calls: {'the first call starts one' if held else 'calls fail until then'}"
    elif hours:
        yield f"else {item.min_replicas:,} at least"


def _beyond(item: EndpointPlan, plan: Plan) -> Iterator[str]:
    """What an endpoint has beyond its own replicas, and when that comes and goes."""
    if (more := plan.overflow_of(item.name)) is not None:
        yield f"its own replicas; {span(more.min_replicas, more.max_replicas)} more on {more.pool}: {more.name}"
    overflow = item.overflow
    if overflow is None:
        return
    each = overflow.waiting_per_replica
    borne = overflow.base_replicas * each
    yield (
        f"overflow of {item.part_of}, behind its Service: the first when more than {borne:,} requests wait, one more "
        f"for each {each:,} beyond"
    )
    base = next(each for each in plan.endpoints if each.name == item.part_of)
    kept = [f"{base.busy.running:,} requests ({base.busy.why})"] if base.busy and base.busy.running is not None else []
    kept += [f"{base.busy.cache:.0%} of their cache"] if base.busy and base.busy.cache is not None else []
    if kept:
        yield f"kept while what runs would bring {item.part_of}'s own replicas above {' or '.join(kept)} each"


def _storage(plan: Plan) -> RenderableType:
    table = Table.grid(padding=(0, 0, 0, 1))
    table.add_column(style="bold", overflow="fold")
    table.add_column()
    for bucket in plan.buckets:
        table.add_row(bucket.name, "S3 bucket, already there" if bucket.existing else "S3 bucket, versioned, KMS key")
        for copy in plan.hub_copies:
            if copy.bucket == bucket.name:
                project = f"{plan.platform.name}-{copy.name}"
                filled = f"{copy.model.id} comes by: aws codebuild start-build --project-name {project}"
                table.add_row("", Text(filled, style="dim"))
        jobs = {copy.key: copy for copy in weights_copies(plan).values() if copy.bucket == bucket.name}
        for copied in jobs.values():
            table.add_row("", Text(f"{copied.model_id} comes from the Hub by a Job of the stack serving", style="dim"))
    for item in plan.lustre:
        table.add_row(item.name, _lustre(item, plan.platform.region))
    return table


def _lustre(item: LustrePlan, region: str) -> str:
    return dot(
        f"FSx for Lustre, {item.capacity_gib:,} GiB",
        f"{item.throughput_mb_per_s:,.0f} MB/s",
        zones((item.zone,), region),
        "EFA" if item.efa else "",
        f"linked to {item.source_bucket}" if item.source_bucket else "",
    )


def _quotas(plan: Plan) -> RenderableType:
    table = Table.grid(padding=(0, 1, 0, 1), expand=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    for quota in plan.quotas:
        short = quota.default is None or quota.needed > quota.default
        default = "unknown" if quota.default is None else f"{quota.default:,.0f}"
        needed = Text(f"{quota.needed:,.0f}, {quota.default_is} {default}", style="yellow" if short else "")
        table.add_row(quota.code, Text.assemble(quota.name, (f"\n{quota.why}", "dim")), needed)
    return table


def _findings(plan: Plan) -> list[RenderableType]:
    found: list[RenderableType] = []
    for item, more in alike(plan.diagnostics):
        found.append(Padding(finding_view(item), (0, 0, 0, 1)))
        found += [Text(f"   {more}", style="dim")] if more else []
    return [*found, Text(f" {summary(plan.diagnostics)}", style="dim")]
