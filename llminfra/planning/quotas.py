"""AWS quotas that the platform needs when every pool is at its maximum."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from llminfra.catalog import quotas
from llminfra.planning.plan import QuotaLine

if TYPE_CHECKING:
    from llminfra.catalog.quotas import Purchase, Quota
    from llminfra.planning.plan import PoolPlan


def plan_quotas(pools: tuple[PoolPlan, ...]) -> tuple[QuotaLine, ...]:
    """One line per vCPU quota, summed over the pools that draw on it."""
    needed: dict[str, float] = defaultdict(float)
    reasons: dict[str, list[str]] = defaultdict(list)
    known: dict[str, Quota] = {}
    for pool in pools:
        vcpus = max(item.vcpu for item in pool.instance_types) * pool.max_nodes
        for capacity in pool.capacity_types:
            purchase: Purchase = "spot" if capacity == "spot" else "on-demand"
            quota = quotas.vcpu_quota(pool.main_type.name, purchase)
            if quota is None:
                continue
            known[quota.code] = quota
            needed[quota.code] += vcpus
            reasons[quota.code].append(f"pool {pool.name}: {pool.max_nodes} nodes, {vcpus} vCPU")
    return tuple(
        QuotaLine(
            code=code,
            name=quota.name,
            needed=needed[code],
            default=float(quota.default_vcpus),
            why="; ".join(reasons[code]),
        )
        for code, quota in sorted(known.items())
    )
