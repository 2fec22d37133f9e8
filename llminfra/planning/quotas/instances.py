"""AWS quotas that the platform needs when every pool is at its maximum."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.catalog import quotas
from llminfra.planning.plan import QuotaLine

if TYPE_CHECKING:
    from llminfra.catalog.quotas import Purchase, Quota
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.planning.plan.serving import Ec2EndpointPlan, SageMakerEndpointPlan
    from llminfra.planning.plan.targets import BatchPlan


def plan_quotas(
    pools: tuple[PoolPlan, ...],
    ec2: tuple[Ec2EndpointPlan, ...] = (),
    sagemaker: tuple[SageMakerEndpointPlan, ...] = (),
    batches: tuple[BatchPlan, ...] = (),
) -> tuple[QuotaLine, ...]:
    """One line per vCPU quota, summed over what draws on it, and one per instance type of SageMaker."""
    needed: dict[str, float] = defaultdict(float)
    reasons: dict[str, list[str]] = defaultdict(list)
    known: dict[str, Quota] = {}
    for draw in (*_of_pools(pools), *_of_instances(ec2), *_of_batches(batches)):
        quota = quotas.vcpu_quota(draw.instance_type, draw.purchase)
        if quota is not None:
            known[quota.code] = quota
            needed[quota.code] += draw.vcpus
            reasons[quota.code].append(draw.why)
    return *_vcpu_lines(known, needed, reasons), *_sagemaker_lines(sagemaker)


class _Draw(Struct, frozen=True):
    """vCPUs that something takes of a quota at the most."""

    instance_type: str
    purchase: Purchase
    vcpus: int
    why: str


def _of_pools(pools: tuple[PoolPlan, ...]) -> Iterator[_Draw]:
    for pool in pools:
        largest = max(pool.instance_types, key=lambda item: item.vcpu)
        vcpus = largest.vcpu * pool.max_nodes
        nodes = f"{pool.max_nodes} node{'' if pool.max_nodes == 1 else 's'}"
        why = f"pool {pool.name}: {nodes} \u00d7 {largest.vcpu} vCPU of {largest.name}"
        if pool.spec.capacity.kind == "capacity-block":
            yield _Draw(pool.main_type.name, "capacity-block", vcpus, why)
            continue
        for capacity in pool.capacity_types:
            yield _Draw(pool.main_type.name, "spot" if capacity == "spot" else "on-demand", vcpus, why)


def _of_instances(ec2: tuple[Ec2EndpointPlan, ...]) -> Iterator[_Draw]:
    for item in ec2:
        # While instances are refreshed one more runs, where there may be one.
        count = item.most_instances + item.surge
        why = f"endpoint {item.name}: {count} instances{' while they are refreshed' if item.surge else ''}"
        for purchase in _bought(item):
            yield _Draw(item.instance.name, purchase, count * item.instance.vcpu, why)


def _bought(item: Ec2EndpointPlan) -> tuple[Purchase, ...]:
    kind = item.on.capacity.kind
    if kind == "capacity-block":
        return ("capacity-block",)
    return ("spot", "on-demand") if item.standby else ("spot",) if kind == "spot" else ("on-demand",)


def _of_batches(batches: tuple[BatchPlan, ...]) -> Iterator[_Draw]:
    """Each environment of a queue may grow to the bound."""
    for item in batches:
        on, name = item.spec.on, item.machine.main_type.name
        why = f"batch {item.name}: {on.max_instances} instance{'' if on.max_instances == 1 else 's'}"
        if on.reservation is not None and on.reservation.kind == "capacity-block":
            yield _Draw(name, "capacity-block", item.max_vcpus, why)
            continue
        if on.spot:
            yield _Draw(name, "spot", item.max_vcpus, why)
        if on.on_demand:
            yield _Draw(name, "on-demand", item.max_vcpus, why)


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
