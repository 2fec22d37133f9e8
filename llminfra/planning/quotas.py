"""AWS quotas that the platform needs when every pool is at its maximum."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from llminfra.catalog import quotas
from llminfra.planning.plan import QuotaLine

if TYPE_CHECKING:
    from llminfra.catalog.quotas import Purchase, Quota
    from llminfra.planning.plan import PoolPlan
    from llminfra.planning.serving_plan import Ec2EndpointPlan, SageMakerEndpointPlan


def plan_quotas(
    pools: tuple[PoolPlan, ...],
    ec2: tuple[Ec2EndpointPlan, ...] = (),
    sagemaker: tuple[SageMakerEndpointPlan, ...] = (),
) -> tuple[QuotaLine, ...]:
    """One line per vCPU quota, summed over what draws on it, and one per instance type of SageMaker."""
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
            reasons[quota.code].append(
                f"pool {pool.name}: {pool.max_nodes} node{'' if pool.max_nodes == 1 else 's'}, {vcpus} vCPU"
            )
    for item in ec2:
        # While instances are refreshed one more runs, where there may be one.
        count = item.most_instances + item.surge
        while_refreshed = " while they are refreshed" if item.surge else ""
        spot = item.on.capacity.kind == "spot"
        bought: tuple[Purchase, ...] = ("spot", "on-demand") if item.standby else ("spot",) if spot else ("on-demand",)
        for purchase in bought:
            quota = quotas.vcpu_quota(item.instance.name, purchase)
            if quota is not None:
                known[quota.code] = quota
                needed[quota.code] += count * item.instance.vcpu
                reasons[quota.code].append(f"endpoint {item.name}: {count} instances{while_refreshed}")
    return *_vcpu_lines(known, needed, reasons), *_sagemaker_lines(sagemaker)


def _sagemaker_lines(sagemaker: tuple[SageMakerEndpointPlan, ...]) -> tuple[QuotaLine, ...]:
    """SageMaker has a quota for each instance type, by name; codes and defaults are not in the catalog."""
    count: dict[str, int] = defaultdict(int)
    names: dict[str, list[str]] = defaultdict(list)
    for item in sagemaker:
        # A new configuration starts a second fleet before the first one goes.
        count[item.on.instance_type] += 2 * max(1, item.serving.max_replicas)
        names[item.on.instance_type].append(item.name)
    return tuple(
        QuotaLine(
            code="",
            name=f"{kind} for endpoint usage",
            needed=float(count[kind]),
            default=None,
            why=f"endpoints {', '.join(names[kind])}, twice while a change is rolled out",
        )
        for kind in sorted(count)
    )


def _vcpu_lines(
    known: dict[str, Quota], needed: dict[str, float], reasons: dict[str, list[str]]
) -> tuple[QuotaLine, ...]:
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
