"""Pools, storage, queues and Bedrock: the parts of a platform that are not a served model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.cli.page.html import Child, Element, el
from llminfra.cli.page.pieces import code, section, table
from llminfra.cli.terminal.words import bought, count, dot, duration, money, span, token_price, zones

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.infrastructure import LustrePlan, PoolPlan


def parts_sections(plan: Plan, anchor: str) -> list[Element]:
    """A section for each kind of part that the platform has."""
    found = (
        _pools(plan, anchor),
        _storage(plan, anchor),
        _gateways(plan, anchor),
        _queues(plan, anchor),
        _batches(plan, anchor),
        _bedrock(plan, anchor),
    )
    return [item for item in found if item is not None]


def _pools(plan: Plan, anchor: str) -> Element | None:
    if not plan.pools:
        return None
    rows: list[tuple[Child, ...]] = [
        (
            pool.name,
            [" or ".join(item.name for item in pool.instance_types), el("small", f"{pool.provisioner} nodes")],
            span(pool.min_nodes, pool.max_nodes),
            _gpus(pool),
            str(pool.efa_per_node or "none"),
            [bought(pool), el("small", zones(pool.zones, plan.platform.region))],
            f"{pool.main_type.nvme_gb:,} GB NVMe" if pool.raid0 else f"{pool.root_volume_gib} GiB root",
            money(pool.usd_per_node_hour, "?"),
        )
        for pool in plan.pools
    ]
    heads = ("pool", "instance types", "nodes", "GPUs a node", "EFA", "capacity", "disk", "an hour a node")
    return section(f"{anchor}-pools", "GPU pools", table("GPU pools", heads, rows, numeric=(7,)))


def _gpus(pool: PoolPlan) -> str:
    sharing, whole = pool.spec.sharing, pool.main_type.gpu
    if sharing is None or whole is None:
        return f"{pool.gpus_per_node} × {pool.gpu.upper()}"
    cut = f"slices {sharing.profile}" if sharing.kind == "mig" else "turns"
    return f"{pool.gpus_per_node} {cut} of {whole.count} × {whole.device.upper()} for {', '.join(sharing.tenants)}"


def _storage(plan: Plan, anchor: str) -> Element | None:
    if not (plan.buckets or plan.lustre):
        return None
    rows: list[tuple[str, str, str, str]] = [
        (item.name, "S3 bucket", "already there" if item.existing else "versioned, encrypted with a key of its own", "")
        for item in plan.buckets
    ]
    rows += [
        (
            item.name,
            "FSx for Lustre",
            _lustre(item, plan.platform.region),
            f"linked to {item.source_bucket}" if item.source_bucket else "",
        )
        for item in plan.lustre
    ]
    return section(f"{anchor}-storage", "Storage", table("Storage", ("name", "kind", "what", "source"), rows))


def _lustre(item: LustrePlan, region: str) -> str:
    parts = [f"{item.capacity_gib:,} GiB", f"{item.throughput_mb_per_s:,.0f} MB/s", zones((item.zone,), region)]
    return ", ".join([*parts, "EFA"] if item.efa else parts)


def _gateways(plan: Plan, anchor: str) -> Element | None:
    if not plan.gateways:
        return None
    exposure = {
        "cluster": "pods of the cluster",
        "internal": "internal load balancer",
        "public": "public load balancer",
    }
    rows: list[tuple[Child, ...]] = []
    for item in plan.gateways:
        callers = (
            "tokens of an identity provider"
            if item.spec.oidc
            else "API keys"
            if item.spec.tenants
            else "nobody is asked"
        )
        routes = [f"{', '.join(route.led_by)} to {route.endpoint}" for route in item.routes]
        tenants = [
            ": ".join((tenant.name, dot(_limit(tenant.requests_per_minute, "requests"),
                                        _limit(tenant.tokens_per_minute, "tokens")) or "no limits"))
            for tenant in item.spec.tenants
        ]  # fmt: skip
        rows.append(
            (
                item.name,
                [code(item.url), el("small", exposure[item.spec.exposure])],
                callers,
                el("ul", (el("li", text) for text in routes), class_="places"),
                el("ul", (el("li", text) for text in tenants), class_="places") if tenants else "none",
            )
        )
    heads = ("gateway", "address", "callers show", "routes", "tenants")
    return section(f"{anchor}-gateways", "Gateways", table("Gateways", heads, rows))


def _limit(number: int | None, what: str) -> str:
    return "" if number is None else f"{number:,} {what} a minute"


def _queues(plan: Plan, anchor: str) -> Element | None:
    if not plan.async_endpoints:
        return None
    rows = [
        (
            item.name,
            item.behind,
            str(item.spec.max_concurrency),
            duration(item.spec.request_timeout_s),
            duration(item.visibility_s),
            count(item.spec.attempts, "attempt"),
            f"{count(item.spec.retention_days, 'day')}, answers {count(item.spec.results_days, 'day')}",
        )
        for item in plan.async_endpoints
    ]
    heads = ("queue", "endpoint", "at once", "a request takes at most", "hidden once taken", "dead after", "kept")
    return section(f"{anchor}-queues", "Queues", table("Queues", heads, rows, numeric=(2,)))


def _batches(plan: Plan, anchor: str) -> Element | None:
    if not plan.batches:
        return None
    rows = [
        (
            item.name,
            code(item.spec.input),
            code(item.spec.output),
            count(item.spec.jobs, "job"),
            item.spec.schedule or "by hand",
            count(item.spec.attempts, "attempt"),
            duration(item.spec.timeout_s),
        )
        for item in plan.batches
    ]
    heads = ("job", "input", "output", "array", "submitted", "started", "ended after")
    return section(f"{anchor}-batches", "Batch inference", table("Batch inference", heads, rows))


def _bedrock(plan: Plan, anchor: str) -> Element | None:
    bedrock = plan.bedrock
    if bedrock is None:
        return None
    rows = [
        (item.name, code(item.spec.id), code(item.profile) if item.profile else "the region's own model",
         ", ".join(item.regions), token_price(item.tokens))
        for item in bedrock.models
    ]  # fmt: skip
    who = [f"pods of {item.namespace}/{item.service_account}" for item in bedrock.pods]
    who += [f"role {item.role_name}" for item in bedrock.roles]
    words = f"Called by {', '.join(who)}." if who else "Nobody may call them yet."
    guard = " Callers must name the guardrail." if bedrock.spec.guardrail is not None else " No guardrail."
    heads = ("model", "id", "profile", "answered in", "tokens")
    return section(f"{anchor}-bedrock", "Bedrock", el("p", words + guard), table("Bedrock models", heads, rows))
