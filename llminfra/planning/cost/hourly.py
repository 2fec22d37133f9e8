"""What a platform costs an hour, thing by thing, at rest and at its most; prices with their date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.catalog import prices, regions
from llminfra.catalog.price_file import VARIABLE, named_file
from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.planning.plan import CostLine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llminfra.catalog.prices import Price
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.infrastructure import ClusterPlan, LustrePlan, NetworkPlan, PoolPlan
    from llminfra.spec.platform import Platform


class CostRange(Struct, frozen=True, kw_only=True):
    """US dollars an hour at rest and at most, of what has a price.

    Attributes:
        usd_per_hour_min: At rest.
        usd_per_hour_max: At most.
        unpriced: Spec paths of what has no price at most: the sums leave it out, so they are lower bounds.
        unpriced_at_rest: The same at rest, where nothing runs of some.
    """

    usd_per_hour_min: float
    usd_per_hour_max: float
    unpriced: tuple[str, ...] = ()
    unpriced_at_rest: tuple[str, ...] = ()

    @property
    def usd_per_month_max(self) -> float:
        """At most, in a month."""
        return self.usd_per_hour_max * HOURS_PER_MONTH


def plan_costs(
    platform: Platform,
    network: NetworkPlan,
    cluster: ClusterPlan | None,
    pools: tuple[PoolPlan, ...],
    lustre: tuple[LustrePlan, ...],
) -> tuple[CostLine, ...]:
    """One line per thing that costs money by the hour."""
    region = platform.region
    lines = [_pool(pool, region) for pool in pools]
    if cluster is not None:
        lines += _cluster(cluster, region)
    lines += [
        cost_line(
            f"storage.{item.name}",
            f"FSx for Lustre {item.capacity_gib:,} GiB at {item.throughput_mbps_per_tib} MB/s per TiB",
            prices.lustre_usd_per_gib_month(item.throughput_mbps_per_tib, region),
            item.capacity_gib / HOURS_PER_MONTH,
            item.capacity_gib / HOURS_PER_MONTH,
        )
        for item in lustre
    ]
    gateways = {"per-zone": len(network.zones), "single": 1, "none": 0}[network.nat]
    if gateways:
        price = prices.service_price("nat_gateway_hour", region)
        nat = "1 NAT gateway" if gateways == 1 else f"{gateways} NAT gateways"
        lines.append(cost_line("network.nat", f"{nat}, without traffic", price, gateways, gateways))
        address = prices.service_price("public_ipv4_hour", region)
        what = "1 public IPv4 address of a NAT gateway"
        what = what if gateways == 1 else f"{gateways} public IPv4 addresses of NAT gateways"
        lines.append(cost_line("network.nat", what, address, gateways, gateways))
    if network.interface_endpoints:
        count = len(network.interface_endpoints) * len(network.zones)
        what = f"{len(network.interface_endpoints)} interface endpoints in {len(network.zones)} zones, without traffic"
        lines.append(cost_line("network", what, prices.service_price("vpc_endpoint_hour", region), count, count))
    if cluster is not None:
        lines.append(_volumes(platform, cluster, pools))
    return tuple(lines)


def check_budget(platform: Platform, costs: tuple[CostLine, ...], findings: Findings) -> None:
    """Report a platform that can cost more a month than it may, or of which that cannot be told."""
    budget = platform.budget_usd_per_month
    if budget is None:
        return
    total = total_cost(costs)
    most = total.usd_per_month_max
    if most > budget:
        least = "at least " if total.unpriced else ""
        worst = max(costs, key=lambda line: line.usd_per_hour_max or 0.0)
        findings.error(
            "LLM_COST_1",
            platform,
            "budget_usd_per_month",
            "with every pool at its maximum the platform costs more than its budget",
            found=f"{least}${most:,.0f} a month, of which "
            f"${(worst.usd_per_hour_max or 0) * HOURS_PER_MONTH:,.0f} for {worst.spec_path}",
            expected=f"at most ${budget:,.0f}",
            fix=f"lower the maximum of {worst.spec_path}, or raise budget_usd_per_month",
        )
    elif total.unpriced:
        findings.warning(
            "LLM_COST_2",
            platform,
            "budget_usd_per_month",
            f"the budget cannot be proved: prices in {platform.region} are unknown of {', '.join(total.unpriced)}",
            found=f"at least ${most:,.0f} a month, and what has no price" if most else "no price is known",
            expected=f"every price, so that at most ${budget:,.0f} can be proved",
            fix=f"get the prices: {how_to_price(platform.region)}; for what AWS's price list does not tell leave room "
            "in the budget, and waive this rule",
        )


def total_cost(lines: Iterable[CostLine]) -> CostRange:
    """What the lines cost together, with the names of what is missing from the sum."""
    given = tuple(lines)
    return CostRange(
        usd_per_hour_min=sum(line.usd_per_hour_min or 0.0 for line in given),
        usd_per_hour_max=sum(line.usd_per_hour_max or 0.0 for line in given),
        unpriced=tuple(dict.fromkeys(line.spec_path for line in given if line.usd_per_hour_max is None)),
        unpriced_at_rest=tuple(dict.fromkeys(line.spec_path for line in given if line.usd_per_hour_min is None)),
    )


def how_to_price(region: str) -> str:
    """What gets the prices that a region lacks: a command, where one does."""
    known = regions.get(region)
    if known is not None and known.partition == _CHINA:
        return "AWS's price list of China is in CNY, and `llminfra catalog refresh` asks for US dollars"
    command = f"`llminfra catalog refresh --region {region}`, then {VARIABLE}"
    file = named_file(region)
    return command if file is None else f"the file of {file.date} that {VARIABLE} names has none; {command} anew"


_CHINA = "aws-cn"
_AT_ON_DEMAND = {
    "capacity-block": "at the on-demand price; a capacity block is paid in advance at its own price",
    "spot": "at the on-demand price; spot costs less and changes by the day",
    "reservation": "at the on-demand price, which a reservation costs whether it is used or not",
}


def _pool(pool: PoolPlan, region: str) -> CostLine:
    """Nodes at the price they are bought at, where that is known; else at the on-demand price, which is said.

    At rest they are of the cheapest type that the pool may have, at most of the dearest: a budget holds for any mix.
    """
    names = tuple(item.name for item in pool.instance_types)
    kind = pool.spec.capacity.kind
    own = {name: prices.own_usd_per_hour(name, region, kind) for name in names}
    found = {name: price or prices.on_demand_usd_per_hour(name, region) for name, price in own.items()}
    what = f"{pool.main_type.name} × {span(pool.desired_nodes, pool.max_nodes)}"
    missing = [name for name, price in found.items() if price is None]
    if missing:
        return CostLine(
            spec_path=f"pools.{pool.name}",
            what=what,
            usd_per_hour_min=None if pool.nodes_at_rest else 0.0,
            usd_per_hour_max=None,
            price_date=None,
            note=f"no on-demand price of {' and '.join(missing)} in {region} is known",
        )
    priced = [(price.usd, name, price) for name, price in found.items() if price is not None]
    (least, cheapest, _), (most, dearest, price) = (pick(priced, key=lambda item: item[:2]) for pick in (min, max))
    notes = [f"{kind} price: {price.source}" if own[dearest] else _AT_ON_DEMAND.get(kind, "")]
    if least != most:
        notes.append(f"at rest of {cheapest}, at most of {dearest}" if pool.desired_nodes else f"at most of {dearest}")
    if pool.mean_nodes is not None:
        notes.append(f"at rest the mean of a week with working hours, {pool.mean_nodes:.3g} nodes")
    if any(item.unverified for _, _, item in priced):
        notes.append("unverified price")
    return CostLine(
        spec_path=f"pools.{pool.name}",
        what=what,
        usd_per_hour_min=least * pool.nodes_at_rest,
        usd_per_hour_max=most * pool.max_nodes,
        price_date=min(item.date for _, _, item in priced),
        note="; ".join(text for text in notes if text),
    )


def _cluster(cluster: ClusterPlan, region: str) -> list[CostLine]:
    system = cluster.system_nodes
    if system is None:
        return []  # whoever made the cluster pays for it and its nodes
    return [
        cost_line(
            "cluster",
            f"EKS control plane {cluster.version}",
            prices.service_price("eks_cluster_hour", region),
            1,
            1,
        ),
        cost_line(
            "cluster.system_nodes",
            f"{system.instance_types[0]} × {span(system.min_nodes, system.max_nodes)}",
            prices.on_demand_usd_per_hour(system.instance_types[0], region),
            system.min_nodes,
            system.max_nodes,
        ),
    ]


def _volumes(platform: Platform, cluster: ClusterPlan, pools: tuple[PoolPlan, ...]) -> CostLine:
    price = prices.service_price("ebs_gp3_gib_month", platform.region)
    system = cluster.system_nodes
    fewest = system.min_nodes * system.root_volume_gib if system else 0
    most = system.max_nodes * system.root_volume_gib if system else 0
    for pool in pools:
        snapshot = pool.spec.image_snapshot
        volumes_gib = pool.root_volume_gib + (snapshot.volume_gib if snapshot else 0)
        fewest += round(pool.nodes_at_rest * volumes_gib)
        most += pool.max_nodes * volumes_gib
    if (observability := platform.own_observability) is not None:
        fewest += observability.storage_gib
        most += observability.storage_gib
    what = f"gp3 volumes, {span(fewest, most)} GiB"
    return cost_line("volumes", what, price, fewest / HOURS_PER_MONTH, most / HOURS_PER_MONTH)


def span(least: int, most: int) -> str:
    """``1,000…2,000``, or one number where both are equal."""
    return f"{least:,}" if least == most else f"{least:,}…{most:,}"


def cost_line(path: str, what: str, price: Price | None, fewest: float, most: float, note: str = "") -> CostLine:
    """A line from the price of one thing and how many of it there are."""
    if price is None:
        return CostLine(
            spec_path=path,
            what=what,
            usd_per_hour_min=None,
            usd_per_hour_max=None,
            price_date=None,
            note="no price for this in the catalog",
        )
    return CostLine(
        spec_path=path,
        what=what,
        usd_per_hour_min=price.usd * fewest,
        usd_per_hour_max=price.usd * most,
        price_date=price.date,
        note="; ".join(text for text in (note, "unverified price" if price.unverified else "") if text),
    )
