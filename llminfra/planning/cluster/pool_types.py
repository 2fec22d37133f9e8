"""Which instance type of a pool nodes are likely to have, and why: prices are planned for that one.

The types of a pool have the same GPUs, and pods are sized for the smallest, so every type holds the endpoints alike;
they differ in price, CPU, memory and disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.catalog import prices

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.spec.compute.gpu_pool import GpuPool


# Which of two types with the same GPUs costs less is the same everywhere; this region's prices are at hand.
_REGION_OF_ORDER = "us-east-1"


class TypeChoice(Struct, frozen=True, kw_only=True):
    """The planned type, why, and the next two."""

    planned: InstanceType
    why: str = ""
    others: tuple[str, ...] = ()


def choose_type(pool: GpuPool, types: tuple[InstanceType, ...], provisioner: str, region: str) -> TypeChoice:
    """The type that the provisioner takes first.

    Karpenter and spot fleets take the cheapest that is there, whatever the order. A managed node group tries on-demand
    types in the declared order (Amazon EKS User Guide, managed node groups: allocation strategy ``prioritized``).
    """
    if len(types) == 1:
        return TypeChoice(planned=types[0])
    cost = _costs(types, region, pool.capacity.kind)
    order = cost or _costs(types, _REGION_OF_ORDER, pool.capacity.kind)
    by_price = provisioner == "karpenter" or pool.capacity.kind == "spot"
    ranked = types
    if by_price and order:
        ranked = tuple(sorted(types, key=lambda item: order.get(item.name, float("inf"))))
    planned = ranked[0]
    if not by_price:
        cheapest = min(types, key=lambda item: cost.get(item.name, float("inf")))
        why = f"{planned.name} is declared first, and a managed node group keeps that order on demand"
        if cheapest is not planned and planned.name in cost:
            why += f"; {cheapest.name} has the same GPUs for ${cost[cheapest.name]:,.2f}: put it first"
    elif not order:
        why = f"{planned.name} is declared first; no price of these types is known"
    else:
        taker = "Karpenter takes" if provisioner == "karpenter" else "a spot fleet prefers"
        why = f"{planned.name} is the cheapest of {len(types)} with the same GPUs; {taker} the cheapest that is free"
        if not cost:
            why += f" (order of prices in {_REGION_OF_ORDER}; none of {region} is known)"
    return TypeChoice(planned=planned, why=why, others=tuple(_describe(item, planned, cost) for item in ranked[1:3]))


def _costs(types: tuple[InstanceType, ...], region: str, capacity: str) -> dict[str, float]:
    """By name, all in the way that the pool buys them, or all on demand where one of those is not known."""
    own = {item.name: price.usd for item in types if (price := prices.own_usd_per_hour(item.name, region, capacity))}
    if len(own) == len(types):
        return own
    return {item.name: price.usd for item in types if (price := prices.on_demand_usd_per_hour(item.name, region))}


def _describe(item: InstanceType, planned: InstanceType, cost: dict[str, float]) -> str:
    text = f"{item.name}: "
    if item.name in cost:
        text += f"${cost[item.name]:,.2f}/h a node"
        if planned.name in cost:
            text += f", {cost[item.name] / cost[planned.name] - 1:+.0%}"
    else:
        text += "no price known"
    more = [f"{item.vcpu} vCPU", f"{item.memory_mib // 1024:,} GiB memory"]
    if item.nvme_gb != planned.nvme_gb:
        more.append(f"{item.nvme_gb:,} GB NVMe" if item.nvme_gb else "no NVMe")
    return f"{text}; {', '.join(more)}"
