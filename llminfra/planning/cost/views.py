"""Costs seen from elsewhere: by Terraform stack, by endpoint, and the same pool bought in other ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from msgspec import Struct

from llminfra.catalog import prices
from llminfra.catalog.price_file import Kind
from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.planning.cost.hourly import CostRange, how_to_price, total_cost
from llminfra.planning.plan.stacks import StackKind
from llminfra.planning.served.hours import mean_replicas
from llminfra.spec.foundation.encryption import CustomerKey

if TYPE_CHECKING:
    from llminfra.planning.plan import CostLine, Plan
    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.planning.plan.infrastructure import PoolPlan

# What a line's spec path begins with, to the stack that makes it. Volumes of Prometheus are part of the same line as
# those of nodes.
_STACKS: tuple[tuple[str, StackKind], ...] = (
    ("images", "images"),
    ("network", "network"),
    ("async_endpoints", "async"),
    ("storage", "storage"),
    ("observability", "platform"),
    ("endpoints", "serving"),
    ("gateways", "serving"),
    ("batches", "batch"),
    ("bedrock", "bedrock"),
    ("", "cluster"),
)


def not_counted(plan: Plan) -> str:
    """What no line of the costs has, because it goes by use or by what others put there."""
    keys = ("a key that is declared",) if isinstance(plan.platform.encryption, CustomerKey) else ()
    return ", ".join(("requests", "traffic", "logs", *keys, "secrets")) + " and what else lies in buckets"


class EndpointCost(Struct, frozen=True, kw_only=True):
    """An endpoint's share of its pool's nodes; not on top of them.

    Attributes:
        name: The endpoint.
        usd_per_hour_min: With the fewest replicas; ``None``: no price.
        usd_per_hour_max: With the most replicas.
        usd_per_month_max: With the most replicas for a whole month.
        usd_per_million_tokens: Output tokens at full load, estimated.
    """

    name: str
    usd_per_hour_min: float | None
    usd_per_hour_max: float | None
    usd_per_month_max: float | None
    usd_per_million_tokens: float | None


class PurchaseOption(Struct, frozen=True, kw_only=True):
    """One way to buy a node of a pool; ``None`` where no source states the price."""

    kind: Kind
    usd_per_hour: float | None
    price_date: str | None
    source: str


class Unpriced(Struct, frozen=True, kw_only=True):
    """Things without a price, and what gets it; the sums leave them out.

    Attributes:
        lines: The lines, each as ``spec path (what)``.
        how: The command that asks for the price, or why none does.
    """

    lines: tuple[str, ...]
    how: str


def unpriced(plan: Plan) -> tuple[Unpriced, ...]:
    """Lines that have no price at most, together where the same thing gets it."""
    found: dict[str, list[str]] = {}
    for line in plan.costs:
        if line.usd_per_hour_max is None:
            how = line.note if line.on_request else how_to_price(plan.platform.region)
            found.setdefault(how, []).append(f"{line.spec_path} ({line.what})")
    return tuple(Unpriced(lines=tuple(lines), how=how) for how, lines in found.items())


def costs_by_stack(plan: Plan) -> dict[StackKind, CostRange]:
    """Every stack that costs money, in the order of their making."""
    elsewhere: dict[str, StackKind] = {f"endpoints.{item.name}": "ec2" for item in plan.ec2}
    elsewhere |= {f"endpoints.{item.name}": "sagemaker" for item in plan.sagemaker}
    found: dict[StackKind, list[CostLine]] = {}
    for line in plan.costs:
        stack = next(stack for start, stack in _STACKS if line.spec_path.startswith(start))
        found.setdefault(elsewhere.get(line.spec_path, stack), []).append(line)
    return {stack: total_cost(found[stack]) for stack in get_args(StackKind) if stack in found}


def endpoint_costs(plan: Plan) -> tuple[EndpointCost, ...]:
    """The share of every endpoint in its pool."""
    return tuple(_endpoint(item) for item in plan.endpoints)


def _endpoint(item: EndpointPlan) -> EndpointCost:
    each = item.usd_per_replica_hour
    most = None if each is None else each * item.max_replicas
    return EndpointCost(
        name=item.name,
        usd_per_hour_min=None if each is None else each * mean_replicas(item.spec),
        usd_per_hour_max=most,
        usd_per_month_max=None if most is None else most * HOURS_PER_MONTH,
        usd_per_million_tokens=item.usd_per_million_tokens,
    )


def purchase_options(pool: PoolPlan, region: str) -> tuple[PurchaseOption, ...]:
    """A node of the pool in every way it can be bought; only sourced prices, never a guessed discount."""
    name = pool.main_type.name
    found = []
    for kind in get_args(Kind):
        price = prices.usd_per_hour(name, region, kind)
        found.append(
            PurchaseOption(
                kind=kind,
                usd_per_hour=price.usd if price else None,
                price_date=price.date if price else None,
                source=price.source if price else f"not in the catalog: {how_to_price(region)}",
            )
        )
    return tuple(found)
