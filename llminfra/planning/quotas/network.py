"""Limits beyond vCPUs that the platform needs at its most: interfaces, addresses, placement groups, capacity blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import quotas
from llminfra.planning.plan import QuotaLine

if TYPE_CHECKING:
    from llminfra.catalog.quotas import LimitName
    from llminfra.planning.plan.infrastructure import ClusterPlan, NetworkPlan, PoolPlan


def network_quotas(
    pools: tuple[PoolPlan, ...], network: NetworkPlan, cluster: ClusterPlan | None
) -> tuple[QuotaLine, ...]:
    """One line per limit that the pools and their network draw on."""
    interfaces = _interfaces(pools, network, cluster)
    lines = [interfaces] if interfaces.needed else []
    gateways = {"per-zone": len(network.zones), "single": 1, "none": 0}[network.nat]
    if gateways and network.existing_vpc_id is None:
        why = f"{gateways} NAT gateway{'s' if gateways > 1 else ''}, one address each"
        lines.append(_line("elastic_ips", gateways, why))
    placed = [pool.name for pool in pools if pool.placement_group]
    if placed:
        lines.append(_line("placement_groups", len(placed), f"cluster placement of {', '.join(placed)}"))
    return *lines, *(_block(pool) for pool in pools if pool.spec.capacity.kind == "capacity-block")


def _interfaces(pools: tuple[PoolPlan, ...], network: NetworkPlan, cluster: ClusterPlan | None) -> QuotaLine:
    """Interfaces known before anything runs; the VPC CNI adds one to a node when its pods outgrow the first."""
    counted = []
    for pool in pools:
        each = max(1, len(pool.nics))
        efa = f" ({pool.efa_per_node} of them EFA)" if pool.efa_per_node else ""
        counted.append((pool.max_nodes * each, f"pool {pool.name}: {_nodes(pool.max_nodes)} \u00d7 {each}{efa}"))
    if cluster is not None and cluster.system_nodes is not None:
        nodes = cluster.system_nodes.max_nodes
        counted.append((nodes, f"{_nodes(nodes)} for controllers"))
    if network.interface_endpoints and network.existing_vpc_id is None:
        each, zones = len(network.interface_endpoints), len(network.zones)
        counted.append((each * zones, f"{each} interface endpoints \u00d7 {zones} zones"))
    needed = sum(number for number, _ in counted)
    return _line("network_interfaces", needed, "; ".join(text for number, text in counted if number))


def _nodes(count: int) -> str:
    return f"{count} node{'' if count == 1 else 's'}"


def _line(name: LimitName, needed: int, why: str) -> QuotaLine:
    found = quotas.limit(name)
    return QuotaLine(code=found.code, name=found.name, needed=float(needed), default=float(found.default), why=why)


def _block(pool: PoolPlan) -> QuotaLine:
    """A block holds a fixed choice of instances; other sizes take several blocks, which are several reservations."""
    sizes = quotas.capacity_block_sizes()
    nodes = pool.max_nodes
    fits = nodes in sizes
    choice = ", ".join(str(size) for size in sizes[:-1]) + f" or {sizes[-1]}"
    why = f"pool {pool.name}: a block holds {choice} instances"
    if not fits:
        larger = next((size for size in sizes if size >= nodes), None)
        why += f"; {nodes} is none of these" + (f", the next is {larger}" if larger else ", take several blocks")
    return QuotaLine(
        code="",
        name=f"Capacity Block of {pool.main_type.name} in {', '.join(pool.zones) or 'one zone'}",
        needed=float(nodes),
        default=float(max(size for size in sizes if size <= max(nodes, 1))),
        why=why,
        default_is="a block of",
    )
