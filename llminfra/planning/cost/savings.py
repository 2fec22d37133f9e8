"""What a platform would pay less for its network, where that is a large part of what it costs at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import prices
from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.loading.wording.told import text_as_declared
from llminfra.planning.cost.hourly import total_cost

if TYPE_CHECKING:
    from llminfra.catalog.prices import ServicePriceName
    from llminfra.planning.plan import Plan

_WORTH = 0.15
"""Share of the costs at rest from which the network is spoken of."""
_FEWEST_ZONES = 2
"""EKS wants subnets in two zones: Amazon EKS User Guide, "Amazon EKS networking requirements for VPC and subnets"."""


def network_savings(plan: Plan) -> tuple[str, ...]:
    """Fewer zones, and one NAT gateway for all, with US dollars a month; nothing where the network is a small part."""
    network, region = plan.network, plan.platform.region
    ours = total_cost(line for line in plan.costs if line.spec_path.startswith("network")).usd_per_hour_min
    if network.existing_vpc_id is not None or ours < _WORTH * total_cost(plan.costs).usd_per_hour_min:
        return ()
    gateway = _usd("nat_gateway_hour", region) + _usd("public_ipv4_hour", region)
    told: list[str] = []
    kept = _kept_zones(plan)
    if plan.cluster is not None and len(kept) < len(network.zones):
        each = len(network.interface_endpoints) * _usd("vpc_endpoint_hour", region)
        each += gateway if network.nat == "per-zone" else 0.0
        saved = each * (len(network.zones) - len(kept)) * HOURS_PER_MONTH
        zones = ", ".join(f'"{zone}"' for zone in kept)
        told.append(f"two zones instead of {len(network.zones)} save ${saved:,.0f} a month: Network(zones=[{zones}])")
    if network.nat == "per-zone" and len(network.zones) > 1:
        saved = gateway * (len(network.zones) - 1) * HOURS_PER_MONTH
        told.append(
            f"one NAT gateway instead of {len(network.zones)} saves ${saved:,.0f} a month, and is missed by all zones "
            'when its own is down: Network(nat="single")'
        )
    return tuple(text_as_declared(plan.platform, text, "network") for text in told)


def _usd(service: ServicePriceName, region: str) -> float:
    price = prices.service_price(service, region)
    return price.usd if price is not None else 0.0


def _kept_zones(plan: Plan) -> tuple[str, ...]:
    """The fewest zones that the platform can be in: those that something is bound to, and others up to two."""
    bound = {zone for pool in plan.pools for zone in pool.spec.zones} | {item.zone for item in plan.lustre}
    zones = sorted(plan.network.zones, key=lambda zone: zone not in bound)
    return tuple(sorted(zones[: max(_FEWEST_ZONES, len(bound))]))
