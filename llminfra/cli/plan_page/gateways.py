"""Gateways in the printed plan: where they are, who may call, and which model leads to which endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from llminfra.cli.terminal.words import count, dot

if TYPE_CHECKING:
    from rich.console import RenderableType

    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.gateways import GatewayPlan, GatewayRoute
    from llminfra.spec.services.gateway import Tenant

_EXPOSURE = {
    "cluster": "for pods of the cluster",
    "internal": "internal load balancer, TLS",
    "public": "public load balancer, TLS",
}


def gateway_rows(plan: Plan) -> list[tuple[str, RenderableType]]:
    """A row for each gateway."""
    return [(item.name, _gateway(item)) for item in plan.gateways]


def _gateway(item: GatewayPlan) -> RenderableType:
    spec = item.spec
    first_by = "by prefix and load" if spec.routing == "prefix" else "by load"
    asked = "tokens" if spec.oidc else "API keys" if spec.tenants else "callers are not asked who they are"
    who = dot(asked, count(len(spec.tenants), "tenant")) if spec.tenants or spec.oidc else asked
    lines = [
        Text.assemble((f"{item.url}/v1", "cyan"), f"  {_EXPOSURE[spec.exposure]}"),
        Text(dot(who, f"replicas chosen {first_by}", f"answers within {spec.request_timeout_s} s")),
        *(Text(_route(route)) for route in item.routes),
        *(Text(_tenant(tenant), style="dim") for tenant in spec.tenants),
    ]
    return Group(*lines)


def _route(route: GatewayRoute) -> str:
    held = "" if route.hold_s is None else f"requests wait {route.hold_s} s for a replica, and start one"
    return dot(f"{', '.join(route.led_by)} → {route.endpoint}", held)


def _tenant(tenant: Tenant) -> str:
    limits = [
        f"{limit:,} {what} a minute"
        for limit, what in ((tenant.requests_per_minute, "requests"), (tenant.tokens_per_minute, "tokens"))
        if limit is not None
    ]
    return dot(f"tenant {tenant.name}", *(limits or ["no limits"]))
