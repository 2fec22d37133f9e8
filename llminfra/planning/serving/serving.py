"""A model and its engine on one kind of machine: facts, version, spread, weights, start-up, container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.engines import adapter
from llminfra.engines.job import Adapter, ServingJob
from llminfra.planning.cluster.gpu_shares import shared_settings
from llminfra.planning.facts import number
from llminfra.planning.fit.beside_model import spread_beside
from llminfra.planning.fit.distributed import check_ranks, has_stages
from llminfra.planning.fit.preflight import check_device, check_start
from llminfra.planning.plan.infrastructure import LustrePlan, PoolPlan
from llminfra.planning.plan.serving import DrainPlan, Place, ServingPlan
from llminfra.planning.served.adapters import adapters_gib, plan_adapters
from llminfra.planning.served.endpoint_model import checkpoint_bytes, model_facts
from llminfra.planning.served.engine_release import find_release, release_for_sagemaker, release_with_efa
from llminfra.planning.served.engine_settings import check_length, check_step, engine_settings
from llminfra.planning.served.media_limits import check_media
from llminfra.planning.served.memory_case import memory_case
from llminfra.planning.served.memory_options import check_options, counted, options_of
from llminfra.planning.serving.container_settings import check_literals, check_overrides, check_untold
from llminfra.planning.serving.disaggregation import check_role_shape
from llminfra.planning.serving.resources import CACHE_KEEPER, pod_resources
from llminfra.planning.spread.parallelism import Promise
from llminfra.planning.spread.spreads import Question
from llminfra.planning.start.compile_cache import cacheable, check_compile_cache, compile_cache_plan
from llminfra.planning.start.image_snapshot import image_source
from llminfra.planning.start.startup import plan_startup, start_as_declared
from llminfra.planning.storage.copied_weights import copied_weights
from llminfra.planning.storage.weights import plan_weights
from llminfra.spec.endpoint import Autoscaling

if TYPE_CHECKING:
    from llminfra.engines.job import Role
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.serving import WeightsPlan
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.platform import Platform

# Load balancers and endpoint slices need a moment to stop sending; then the engine finishes what it has.
_PRE_STOP_S = 15
_DRAIN_S = 120
_GRACE_MARGIN_S = 15
# Caches, logs and compiled graphs; the image is on the node's own disk.
_EPHEMERAL_GIB = 50
# vLLM reads local folders by the Run:ai streamer as well (vllm 0.27.1
# vllm/model_executor/model_loader/runai_streamer_loader.py); of SGLang this is not verified.
_STREAMS_FILES = frozenset({"vllm"})


def plan_serving(
    endpoint: Endpoint,
    pool: PoolPlan,
    platform: Platform,
    lustre: tuple[LustrePlan, ...],
    findings: Findings,
    *,
    place: Place = "eks",
    role: Role | None = None,
) -> ServingPlan | None:
    """Decide everything that depends on the machine and not on who starts it.

    Args:
        endpoint: The declaration.
        pool: The machines: a GPU pool, or an instance type seen as one.
        platform: What it is part of.
        lustre: Its file systems.
        findings: Takes what is wrong.
        place: Who starts the container: weights and images differ.
        role: Half of a disaggregated endpoint, which sends or fetches caches over EFA on one node, too.

    Returns:
        ``None`` where it cannot be planned; then there is a finding.
    """
    check_literals(endpoint, findings)
    check_untold(endpoint, findings)
    facts = model_facts(endpoint, findings)
    known = len(findings.items)
    release = release_for_sagemaker(endpoint, findings) if place == "sagemaker" else find_release(endpoint, findings)
    if facts is None or any(item.code in {"LLM_FIT_8", "LLM_SRV_42"} for item in findings.items[known:]):
        return None
    if not check_device(endpoint, facts, pool, release, findings):
        return None
    settings = shared_settings(endpoint, engine_settings(endpoint.engine, release), pool, findings)
    if settings is None:
        return None
    engine = settings
    check_step(endpoint, engine, findings)
    path = f"endpoints.{endpoint.name}"
    if not check_length(endpoint, facts, engine, findings):
        return None
    max_model_len = engine.max_model_len or facts.max_position_embeddings
    options = options_of(endpoint, release)
    case = counted(memory_case(endpoint, facts, engine, pool.gpu), facts, options, endpoint.engine.env)
    check_media(endpoint, facts, release, findings)
    if not check_options(endpoint, facts, options, findings):
        return None
    adapters = plan_adapters(endpoint, platform, findings, place=place)
    if adapters is None:
        return None
    case = case.model_copy(update={"reserved_gib": adapters_gib(facts, adapters) or None})
    stages = role is None and has_stages(facts, engine.kind, release)
    question = Question(
        endpoint=endpoint,
        facts=facts,
        case=case,
        pool=pool,
        engine=engine,
        promise=Promise.of(endpoint),
        region=platform.region,
        release=release,
        stages=stages,
    )
    spread = spread_beside(question, options, findings)
    if spread is None:
        return None
    chosen = spread.chosen
    efa = chosen.nodes > 1 or role is not None
    if efa and engine.image is None and release is not None and release.image(efa=True) is None:
        release = release_with_efa(endpoint, findings)
        if release is None:
            return None
    if not check_ranks(endpoint, facts, pool, chosen, release, findings):
        return None
    if not check_role_shape(endpoint, chosen, role, findings):
        return None
    bytes_total = checkpoint_bytes(endpoint, facts, findings)
    revision = endpoint.model.revision or facts.revision
    streams_files = engine.kind in _STREAMS_FILES
    weights: WeightsPlan | None
    if place == "eks":
        weights = plan_weights(
            endpoint,
            pool,
            tuple(platform.storage),
            lustre,
            revision=revision,
            bytes_total=bytes_total,
            streams=engine.reads_object_storage,
            streams_files=streams_files,
            findings=findings,
        )
    else:
        weights = copied_weights(
            endpoint,
            pool.main_type,
            tuple(platform.storage),
            findings,
            revision=revision,
            bytes_total=bytes_total,
            place=place,
        )
    if weights is None:
        return None
    multi_node = chosen.nodes > 1
    kernels = check_compile_cache(endpoint, engine, place, chosen.nodes, findings, role=role)
    resources = pod_resources(
        pool,
        chosen.parallelism.gpus // chosen.nodes,
        efa=efa,
        ephemeral_gib=_EPHEMERAL_GIB,
        beside=CACHE_KEEPER if kernels else None,
    )
    if endpoint.preflight and not (multi_node and resources.efa):
        findings.warning(
            "LLM_FIT_41",
            endpoint,
            f"{path}.preflight",
            "there is no network between the ranks of this endpoint to look at",
            found=f"{chosen.nodes} node{'s' if multi_node else ''} a replica, {resources.efa} EFA interfaces a pod",
            expected="a replica that spans nodes of an EFA pool",
            fix="leave preflight out",
        )
    check_start(endpoint, facts, pool, chosen, weights, resources, options, findings)
    estimated = plan_startup(
        weights,
        layers=facts.num_layers,
        gpus=chosen.parallelism.gpus,
        image_gib=number("cold_start", "image_gib"),
        eager=engine.enforce_eager,
        instance=pool.main_type,
        lustre=lustre,
        image=image_source(endpoint, release, pool, efa=efa and pool.efa_per_node > 0) if place == "eks" else None,
        streams=streams_files,
        kernels_cached=kernels is not None,
        kernels_cacheable=cacheable(engine, place, chosen.nodes, role=role),
    )
    startup = start_as_declared(estimated, platform, path)
    served_name = endpoint.served_name or endpoint.model.id
    engine_adapter = adapter(engine.kind)
    job = ServingJob(
        endpoint=endpoint,
        release=release,
        model_argument=weights.model_argument,
        from_object_storage=weights.kind == "bucket",
        from_local_disks=weights.kind == "nvme" and streams_files,
        served_name=served_name,
        revision=revision,
        parallelism=chosen.parallelism,
        nodes=chosen.nodes,
        max_model_len=max_model_len,
        max_num_seqs=engine.max_num_seqs,
        gpu_memory_utilization=engine.gpu_memory_utilization,
        quantize_at_load=endpoint.model.quantization if facts.quantization is None else None,
        dtype=endpoint.model.dtype,
        efa=efa and pool.efa_per_node > 0,
        region=platform.region,
        startup_budget_s=startup.budget_s,
        drain_s=_DRAIN_S,
        pod_memory_mib=resources.memory_mib,
        adapters=tuple(Adapter(name=item.name, path=item.mount_path, rank=item.rank) for item in adapters),
        role=role,
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
    check_overrides(endpoint, release, invocation, findings)
    version = release.version if release else (engine.image.tag or "" if engine.image else "")
    least, most = _replicas(endpoint)
    return ServingPlan(
        name=endpoint.name,
        spec=endpoint,
        instance_type=pool.main_type.name,
        model_id=endpoint.model.id,
        revision=revision,
        served_name=served_name,
        engine=engine.kind,
        engine_version=version,
        invocation=invocation,
        parallelism=chosen.parallelism,
        parallelism_why=spread.why,
        nodes=chosen.nodes,
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
        candidates=spread.others,
        usd_per_replica_hour=chosen.usd_per_hour,
        performance=chosen.performance,
        usd_per_million_tokens=chosen.usd_per_million_tokens,
        adapters=adapters,
        compile_cache=compile_cache_plan(kernels, endpoint, revision, pool, invocation, version) if kernels else None,
    )


def _replicas(endpoint: Endpoint) -> tuple[int, int]:
    if isinstance(endpoint.replicas, Autoscaling):
        return endpoint.replicas.min, endpoint.replicas.max
    return endpoint.replicas, endpoint.replicas
