"""Endpoints on GPU pools: placement, names in the cluster, and whether the pools have room for all of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from llminfra.planning.cluster.node_count import nodes_at_rest
from llminfra.planning.plan.declared_paths import declared_path
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.infrastructure import LustrePlan, PoolPlan
from llminfra.planning.served.endpoint_model import model_facts
from llminfra.planning.served.engine_release import find_release
from llminfra.planning.served.engine_settings import (
    check_dtype,
    check_length,
    check_prefill_step,
    check_served_name,
    check_step,
    engine_settings,
)
from llminfra.planning.served.overflow import overflow_endpoint
from llminfra.planning.serving.container_settings import check_known, check_literals, check_untold
from llminfra.planning.serving.disaggregation import (
    ROLES,
    check_disaggregated,
    check_pair,
    refuse_elsewhere,
    role_endpoint,
)
from llminfra.planning.serving.overflow import check_overflow, overflow_plan
from llminfra.planning.serving.serving import plan_serving
from llminfra.planning.serving.site import Site
from llminfra.planning.start.image_snapshot import check_image_snapshots
from llminfra.planning.storage.node_cache import check_node_caches
from llminfra.spec.compute.gpu_pool import GpuPool

if TYPE_CHECKING:
    from llminfra.engines.job import Role
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.platform import Platform


def plan_endpoints(
    platform: Platform, pools: tuple[PoolPlan, ...], lustre: tuple[LustrePlan, ...], findings: Findings
) -> tuple[EndpointPlan, ...]:
    """Plan every endpoint on a pool that can be planned; the others leave findings."""
    by_name = {pool.name: pool for pool in pools}
    planned = []
    for endpoint in platform.workloads:
        if endpoint.broken or endpoint.on.broken or endpoint.model.broken or endpoint.engine.broken:
            continue
        if refuse_elsewhere(endpoint, findings) or not isinstance(endpoint.on, GpuPool):
            if endpoint.overflow is not None:
                check_overflow(endpoint, endpoint.overflow, findings)
            continue
        pool = by_name.get(endpoint.on.name)
        if endpoint.disaggregation is not None:
            planned += _plan_roles(endpoint, pool, platform, lustre, findings)
            continue
        plan = _plan_endpoint(endpoint, pool, platform, lustre, findings)
        if plan is not None:
            planned.append(plan)
        planned += _plan_overflow(endpoint, plan, by_name, platform, lustre, findings)
    planned = [_with_rollout(plan, planned, by_name[plan.pool]) for plan in planned]
    _check_room(planned, by_name, findings)
    check_node_caches(planned, by_name, findings)
    check_image_snapshots(platform, planned, by_name, findings)
    return tuple(planned)


def _plan_roles(
    endpoint: Endpoint,
    pool: PoolPlan | None,
    platform: Platform,
    lustre: tuple[LustrePlan, ...],
    findings: Findings,
) -> list[EndpointPlan]:
    """Both roles of a disaggregated endpoint; a finding of either names the endpoint's own field."""
    if not check_disaggregated(endpoint, pool, findings):
        return []
    since = len(findings.items)
    found = []
    for role in ROLES:
        plan = _plan_endpoint(role_endpoint(endpoint, role), pool, platform, lustre, findings, role=role)
        if plan is not None:
            found.append(replace(plan, role=role, part_of=endpoint.name))
    check_pair(endpoint, model_facts(endpoint, findings), found, findings)
    _point_to_declared(endpoint, findings, since)
    return found


def _plan_overflow(
    endpoint: Endpoint,
    base: EndpointPlan | None,
    pools: dict[str, PoolPlan],
    platform: Platform,
    lustre: tuple[LustrePlan, ...],
    findings: Findings,
) -> list[EndpointPlan]:
    """The replicas beyond an endpoint's own, where it has any; what is wrong with both is told once."""
    overflow, elsewhere = endpoint.overflow, overflow_endpoint(endpoint)
    if overflow is None or elsewhere is None or overflow.broken or overflow.on.broken:
        return []
    if not check_overflow(endpoint, overflow, findings):
        return []
    since = len(findings.items)
    plan = _plan_endpoint(elsewhere, pools.get(overflow.on.name), platform, lustre, findings)
    _point_to_declared(endpoint, findings, since)
    if plan is None or base is None:
        return []
    beside = overflow_plan(base, plan, overflow.waiting_per_replica)
    return [replace(plan, part_of=endpoint.name, overflow=beside)]


def _point_to_declared(endpoint: Endpoint, findings: Findings, since: int) -> None:
    """Findings of a workload point to where the user wrote it, not to what llminfra makes of it."""
    for index, item in enumerate(findings.items[since:], start=since):
        findings.items[index] = replace(item, path=declared_path(endpoint, item.path))
    findings.items[:] = dict.fromkeys(findings.items)


def check_without_pool(endpoint: Endpoint, findings: Findings) -> None:
    """What is wrong with an endpoint wherever it runs: what is wrong with its pool says nothing of the rest."""
    facts = model_facts(endpoint, findings)
    release = find_release(endpoint, facts, findings)
    check_literals(endpoint, findings)
    check_untold(endpoint, findings)
    check_known(endpoint, release, findings)
    if facts is not None:
        settings = engine_settings(endpoint.engine, release)
        check_step(endpoint, settings, findings)
        check_prefill_step(endpoint, settings, release, findings)
        check_served_name(endpoint, release, findings)
        check_dtype(endpoint, facts, release, findings)
        check_length(endpoint, facts, settings, findings)


def _plan_endpoint(
    endpoint: Endpoint,
    pool: PoolPlan | None,
    platform: Platform,
    lustre: tuple[LustrePlan, ...],
    findings: Findings,
    *,
    role: Role | None = None,
) -> EndpointPlan | None:
    if pool is None:
        check_without_pool(endpoint, findings)
        return None
    serving = plan_serving(endpoint, Site(pool=pool, platform=platform, lustre=lustre, role=role), findings)
    if serving is None:
        return None
    gpus = serving.parallelism.gpus
    return EndpointPlan(
        **asdict(serving),
        namespace=platform.serving_namespace,
        service_account=endpoint.name,
        pool=pool.name,
        replicas_per_node=max(1, pool.gpus_per_node // gpus) if serving.nodes == 1 else 0,
        rollout="recreate-one",  # until all endpoints of the pool are known
    )


def _with_rollout(plan: EndpointPlan, planned: list[EndpointPlan], pool: PoolPlan) -> EndpointPlan:
    """Surge only where the pool can hold one replica more than the most, beside those that the other endpoints keep.

    Without that room one replica leaves before the next comes: where nobody adds a node, the new pod would wait for one
    until the release gives up.
    """
    others = sum(
        other.min_replicas * other.parallelism.gpus
        for other in planned
        if other.pool == plan.pool and other.name != plan.name
    )
    needed = others + plan.parallelism.gpus * (plan.max_replicas + 1)
    return replace(
        plan, rollout="surge" if _most_nodes(pool, planned) * pool.gpus_per_node >= needed else "recreate-one"
    )


def _most_nodes(pool: PoolPlan, planned: list[EndpointPlan]) -> int:
    """The nodes that pods may wait for."""
    return pool.max_nodes if pool.grows else nodes_at_rest(pool, planned)


def _check_room(planned: list[EndpointPlan], pools: dict[str, PoolPlan], findings: Findings) -> None:
    on_pool: dict[str, list[EndpointPlan]] = defaultdict(list)
    for plan in {plan.name: plan for plan in planned}.values():  # two of one name are an error of their own
        on_pool[plan.pool].append(plan)
    for name, plans in on_pool.items():
        pool = pools[name]
        room = pool.max_nodes * pool.gpus_per_node
        least = sum(plan.min_replicas * plan.parallelism.gpus for plan in plans)
        most = sum(plan.max_replicas * plan.parallelism.gpus for plan in plans)
        names = ", ".join(plan.name for plan in plans)
        want = "its most needs" if len(plans) == 1 else "their most need"
        needed_nodes = -(-most // pool.gpus_per_node)
        there = _most_nodes(pool, plans)
        if least > room:
            findings.error(
                "LLM_FIT_6",
                plans[0].spec,
                plans[0].replicas_path,
                f"the fewest replicas of {names} need more GPUs than pool {name!r} can ever have",
                found=f"{least} GPUs needed, {room} possible ({pool.max_nodes} × {pool.gpus_per_node})",
                expected=f"at most {room} GPUs",
                fix=f"raise nodes of {name!r} to at least {-(-least // pool.gpus_per_node)}, or lower the replicas",
                runtime_message="0/n nodes are available: n Insufficient nvidia.com/gpu",
            )
        elif most > room:
            findings.warning(
                "LLM_FIT_10",
                plans[0].spec,
                f"pools.{name}.nodes",
                f"{names} at {want} more GPUs than pool {name!r} has; the last replicas would stay pending",
                found=f"{most} GPUs needed, {room} possible",
                expected=f"nodes=({pool.min_nodes}, {needed_nodes})",
                fix="raise the pool's maximum or lower the replicas' maximum",
                runtime_message="0/n nodes are available: n Insufficient nvidia.com/gpu",
            )
        elif needed_nodes > there:
            findings.warning(
                "LLM_CAP_47",
                pool.spec,
                f"pools.{name}.nodes",
                f"{names} at {want} more nodes than pool {name!r} starts with, and nobody adds any: Karpenter "
                "does not resize managed node groups",
                found=f"{needed_nodes} nodes needed, {there} at rest",
                expected=f"nodes=({needed_nodes}, {pool.max_nodes}), or who adds nodes",
                fix=f"set nodes=({needed_nodes}, {pool.max_nodes}), or Cluster(autoscaler='cluster-autoscaler'), or "
                "lower the replicas' maximum",
                runtime_message="0/n nodes are available: n Insufficient nvidia.com/gpu",
            )
