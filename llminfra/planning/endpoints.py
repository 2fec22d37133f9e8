"""Endpoints: model facts, engine version, spread over GPUs, placement, pod size, start-up and drain."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

from llminfra.engines import adapter
from llminfra.engines.job import ServingJob
from llminfra.planning.endpoint_model import checkpoint_bytes, model_facts
from llminfra.planning.engine_release import find_release, release_with_efa
from llminfra.planning.engine_settings import engine_settings
from llminfra.planning.facts import number
from llminfra.planning.fitting import find_spread
from llminfra.planning.memory import FitCase
from llminfra.planning.plan import DrainPlan, EndpointPlan, LustrePlan, PoolPlan
from llminfra.planning.preflight import check_device, check_start
from llminfra.planning.resources import pod_resources
from llminfra.planning.startup import plan_startup
from llminfra.planning.weights import plan_weights
from llminfra.spec.endpoint import Autoscaling

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.platform import Platform

NAMESPACE = "llm-serving"
# Load balancers and endpoint slices need a moment to stop sending; then the engine finishes what it has.
_PRE_STOP_S = 15
_DRAIN_S = 120
_GRACE_MARGIN_S = 15
# Caches, logs and compiled graphs; the image is on the node's own disk.
_EPHEMERAL_GIB = 50


def plan_endpoints(
    platform: Platform, pools: tuple[PoolPlan, ...], lustre: tuple[LustrePlan, ...], findings: Findings
) -> tuple[EndpointPlan, ...]:
    """Plan every endpoint that can be planned; the others leave findings."""
    by_name = {pool.name: pool for pool in pools}
    planned = []
    for endpoint in platform.workloads:
        if endpoint.broken or endpoint.on.broken or endpoint.model.broken or endpoint.engine.broken:
            continue
        pool = by_name.get(endpoint.on.name)
        plan = _plan_endpoint(endpoint, pool, platform, lustre, findings)
        if plan is not None:
            planned.append(plan)
    _check_room(planned, by_name, findings)
    return tuple(planned)


def _plan_endpoint(
    endpoint: Endpoint,
    pool: PoolPlan | None,
    platform: Platform,
    lustre: tuple[LustrePlan, ...],
    findings: Findings,
) -> EndpointPlan | None:
    facts = model_facts(endpoint, findings)
    known = len(findings.items)
    release = find_release(endpoint, findings)
    if facts is None or pool is None or any(item.code == "LLM_FIT_8" for item in findings.items[known:]):
        return None
    if not check_device(endpoint, facts, pool, release, findings):
        return None
    engine = engine_settings(endpoint.engine, release)
    path = f"endpoints.{endpoint.name}"
    longest = facts.max_position_embeddings
    if engine.max_model_len and longest and engine.max_model_len > longest:
        findings.error(
            "LLM_FIT_4",
            endpoint,
            f"{path}.engine.max_model_len",
            f"{facts.model_id} was made for {longest:,} tokens",
            found=f"{engine.max_model_len:,}",
            expected=f"at most {longest:,}",
            fix=f"set max_model_len={longest}",
            runtime_message=f"User-specified max_model_len ({engine.max_model_len}) is greater than the derived "
            f"max_model_len (max_position_embeddings={longest})",
        )
        return None
    max_model_len = engine.max_model_len or longest
    case = FitCase(
        model=facts.model_id,
        engine=engine.kind,
        engine_version=engine.memory_version,
        gpu=pool.gpu,
        dtype=None if endpoint.model.dtype == "auto" else endpoint.model.dtype,
        quantization=endpoint.model.quantization,
        kv_cache_dtype=engine.kv_cache_dtype,
        max_model_len=max_model_len,
        max_num_seqs=engine.max_num_seqs,
        max_num_batched_tokens=engine.max_num_batched_tokens,
        gpu_memory_utilization=engine.gpu_memory_utilization,
        enforce_eager=engine.enforce_eager,
    )
    spread = find_spread(endpoint, facts, case, pool, findings, engine)
    if spread is None:
        return None
    chosen = spread.chosen
    if chosen.nodes > 1 and engine.image is None and release is not None and release.image(efa=True) is None:
        release = release_with_efa(endpoint, findings)
        if release is None:
            return None
    bytes_total = checkpoint_bytes(endpoint, facts, findings)
    revision = endpoint.model.revision or facts.revision
    weights = plan_weights(
        endpoint,
        pool,
        tuple(platform.storage),
        lustre,
        revision=revision,
        bytes_total=bytes_total,
        streams=engine.reads_object_storage,
    )
    multi_node = chosen.nodes > 1
    resources = pod_resources(
        pool, chosen.parallelism.gpus // chosen.nodes, efa=multi_node, ephemeral_gib=_EPHEMERAL_GIB
    )
    check_start(endpoint, facts, pool, chosen, weights, resources, findings)
    startup = plan_startup(
        weights,
        layers=facts.num_layers,
        gpus=chosen.parallelism.gpus,
        image_gib=number("cold_start", "image_gib"),
        eager=engine.enforce_eager,
        instance=pool.main_type,
        lustre=lustre,
    )
    served_name = endpoint.served_name or endpoint.model.id
    engine_adapter = adapter(engine.kind)
    job = ServingJob(
        endpoint=endpoint,
        release=release,
        model_argument=weights.model_argument,
        from_object_storage=weights.kind == "bucket",
        served_name=served_name,
        revision=revision,
        parallelism=chosen.parallelism,
        nodes=chosen.nodes,
        max_model_len=max_model_len,
        max_num_seqs=engine.max_num_seqs,
        gpu_memory_utilization=engine.gpu_memory_utilization,
        quantize_at_load=endpoint.model.quantization if facts.quantization is None else None,
        dtype=endpoint.model.dtype,
        efa=multi_node and pool.efa_per_node > 0,
        region=platform.region,
        startup_budget_s=startup.budget_s,
        drain_s=_DRAIN_S,
        pod_memory_mib=resources.memory_mib,
    )
    for unknown in engine_adapter.unknown_options(job):
        findings.error(
            "LLM_FIT_7",
            endpoint,
            unknown.path,
            unknown.message,
            found=unknown.name,
            fix=unknown.fix,
            expected=f"an option of {engine.kind} {release.version if release else ''}".strip(),
        )
    invocation = engine_adapter.invoke(job)
    least, most = _replicas(endpoint)
    replicas_per_node = max(1, pool.gpus_per_node // chosen.parallelism.gpus) if chosen.nodes == 1 else 0
    return EndpointPlan(
        name=endpoint.name,
        spec=endpoint,
        namespace=NAMESPACE,
        service_account=endpoint.name,
        pool=pool.name,
        instance_type=pool.main_type.name,
        model_id=endpoint.model.id,
        revision=revision,
        served_name=served_name,
        engine=engine.kind,
        engine_version=release.version if release else (engine.image.tag or "" if engine.image else ""),
        invocation=invocation,
        parallelism=chosen.parallelism,
        parallelism_why=spread.why,
        nodes_per_replica=chosen.nodes,
        replicas_per_node=replicas_per_node,
        min_replicas=least,
        max_replicas=most,
        weights=weights,
        fit=chosen.fit,
        resources=resources,
        startup=startup,
        drain=DrainPlan(
            pre_stop_s=_PRE_STOP_S,
            engine_s=invocation.drain_flag_s,
            grace_s=_PRE_STOP_S + invocation.drain_flag_s + _GRACE_MARGIN_S,
        ),
        rollout=_rollout(pool, chosen.parallelism.gpus, most),
        candidates=spread.others,
        usd_per_replica_hour=chosen.usd_per_hour,
        performance=chosen.performance,
        usd_per_million_tokens=chosen.usd_per_million_tokens,
    )


def _replicas(endpoint: Endpoint) -> tuple[int, int]:
    if isinstance(endpoint.replicas, Autoscaling):
        return endpoint.replicas.min, endpoint.replicas.max
    return endpoint.replicas, endpoint.replicas


def _rollout(pool: PoolPlan, gpus: int, replicas: int) -> Literal["surge", "recreate-one"]:
    """Surge only where the pool can hold one replica more than the most; else one leaves before one comes."""
    return "surge" if pool.max_nodes * pool.gpus_per_node >= gpus * (replicas + 1) else "recreate-one"


def _check_room(planned: list[EndpointPlan], pools: dict[str, PoolPlan], findings: Findings) -> None:
    on_pool: dict[str, list[EndpointPlan]] = defaultdict(list)
    for plan in planned:
        on_pool[plan.pool].append(plan)
    for name, plans in on_pool.items():
        pool = pools[name]
        room = pool.max_nodes * pool.gpus_per_node
        least = sum(plan.min_replicas * plan.parallelism.gpus for plan in plans)
        most = sum(plan.max_replicas * plan.parallelism.gpus for plan in plans)
        names = ", ".join(plan.name for plan in plans)
        needed_nodes = -(-most // pool.gpus_per_node)
        if least > room:
            findings.error(
                "LLM_FIT_6",
                plans[0].spec,
                f"endpoints.{plans[0].name}.replicas",
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
                f"{names} at their most need more GPUs than pool {name!r} has; the last replicas would stay pending",
                found=f"{most} GPUs needed, {room} possible",
                expected=f"nodes=({pool.min_nodes}, {needed_nodes})",
                fix="raise the pool's maximum or lower the replicas' maximum",
                runtime_message="0/n nodes are available: n Insufficient nvidia.com/gpu",
            )
