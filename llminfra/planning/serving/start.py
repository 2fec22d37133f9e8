"""How a replica starts: where its weights are read, what a pod gets of its node, and how long all of it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.planning.facts import number
from llminfra.planning.fit.preflight import check_start
from llminfra.planning.served.endpoint_model import checkpoint_bytes
from llminfra.planning.serving.resources import CACHE_KEEPER, pod_resources
from llminfra.planning.spread.parallelism import sized_for
from llminfra.planning.start.compile_cache import cacheable, check_compile_cache
from llminfra.planning.start.engine_times import capability_of, engine_times
from llminfra.planning.start.image_snapshot import image_source
from llminfra.planning.start.kernel_trials import told, tried_for_experts, vllm_version
from llminfra.planning.start.startup import plan_startup, start_as_declared
from llminfra.planning.start.trial_findings import check_restarts, check_trials
from llminfra.planning.storage.copied_weights import copied_weights
from llminfra.planning.storage.weights import has_own_loader, plan_weights

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.memory import FitResult
    from llminfra.planning.plan.serving import Place, PodResources, WeightsPlan
    from llminfra.planning.plan.startup import StartupPlan
    from llminfra.planning.serving.asked import Asked
    from llminfra.planning.serving.settled import Settled
    from llminfra.planning.serving.site import Site
    from llminfra.spec.models.storage import ModelBucket

# Caches, logs and compiled graphs; the image is on the node's own disk.
_EPHEMERAL_GIB = 50
# vLLM reads local folders by the Run:ai streamer as well (vllm 0.27.1
# vllm/model_executor/model_loader/runai_streamer_loader.py); of SGLang this is not verified.
_STREAMS_FILES = frozenset({"vllm"})


class Start(Struct, frozen=True, kw_only=True):
    """A replica on its way to its first request.

    Attributes:
        revision: The model's revision.
        weights: Where they are read from.
        streamed_files: Whether the engine streams files of local disks, too.
        kernels: The bucket that keeps compiled kernels.
        resources: What a pod asks of its node.
        startup: The phases, and the budget of probes.
    """

    revision: str | None
    weights: WeightsPlan
    streamed_files: bool
    kernels: ModelBucket | None
    resources: PodResources
    startup: StartupPlan


def plan_start(asked: Asked, settled: Settled, site: Site, findings: Findings) -> Start | None:
    """Weights, resources and start-up of a replica; ``None`` leaves a finding."""
    question, chosen = asked.question, settled.spread.chosen
    endpoint, facts, engine = question.endpoint, question.facts, question.engine
    pool, place, role = site.pool, site.place, site.role
    revision = endpoint.model.revision or facts.revision
    streams_files = engine.kind in _STREAMS_FILES and not _has_own_loader(asked)
    weights = _weights(asked, site, revision, findings, streams_files=streams_files)
    if weights is None:
        return None
    kernels = check_compile_cache(endpoint, engine, place, chosen.nodes, findings, role=role)
    resources = pod_resources(
        pool,
        chosen.parallelism.gpus // chosen.nodes,
        efa=settled.efa,
        ephemeral_gib=_EPHEMERAL_GIB,
        beside=CACHE_KEEPER if kernels else None,
    )
    _check_preflight(asked, chosen.nodes, resources.efa, place, findings)
    check_start(endpoint, facts, pool, chosen, weights, resources, asked.options, findings)
    fabric = settled.efa and pool.efa_per_node > 0
    version, capability = vllm_version(settled.release), capability_of(pool.main_type)
    said = told(engine.kind, version, asked.options, endpoint.engine.env)
    estimated = plan_startup(
        weights,
        layers=facts.num_layers,
        times=engine_times(
            engine.kind,
            settled.release,
            facts,
            capability=capability,
            gpus=chosen.parallelism.gpus,
            trials=tried_for_experts(facts, capability, said) is not None or engine.kind != "vllm",
        ),
        image_gib=number("cold_start", "image_gib"),
        eager=engine.enforce_eager,
        instance=pool.main_type,
        lustre=site.lustre,
        image=image_source(endpoint, settled.release, pool, site.platform, efa=fabric) if place == "eks" else None,
        streams=streams_files,
        kernels_cached=kernels is not None,
        kernels_cacheable=cacheable(engine, place, chosen.nodes, role=role),
        later_gib=_later_gib(chosen.fit),
    )
    if engine.kind == "vllm":
        check_trials(
            endpoint, facts, said, findings, version=version, capability=capability, budget_s=estimated.budget_s
        )
        # Replicas over several nodes are made again as new pods, with volumes of their own.
        if place == "eks" and chosen.nodes == 1:
            check_restarts(
                endpoint,
                facts,
                sized_for(question.case, chosen.parallelism),
                said,
                findings,
                version=version,
                capability=capability,
            )
    return Start(
        revision=revision,
        weights=weights,
        streamed_files=streams_files,
        kernels=kernels,
        resources=resources,
        startup=start_as_declared(estimated, site.platform, f"endpoints.{endpoint.name}"),
    )


def _later_gib(fit: FitResult) -> float:
    return 0.0 if fit.later_cache_gib is None else fit.later_cache_gib - (fit.kv_cache_memory_gib or 0.0)


def _weights(
    asked: Asked, site: Site, revision: str | None, findings: Findings, *, streams_files: bool
) -> WeightsPlan | None:
    question = asked.question
    endpoint, storage = question.endpoint, tuple(site.platform.storage)
    bytes_total = checkpoint_bytes(endpoint, question.facts, findings)
    if site.place == "eks":
        return plan_weights(
            endpoint,
            site.pool,
            storage,
            site.lustre,
            revision=revision,
            bytes_total=bytes_total,
            streams=question.engine.reads_object_storage and not _has_own_loader(asked),
            streams_files=streams_files,
            findings=findings,
        )
    return copied_weights(
        endpoint,
        site.pool.main_type,
        storage,
        findings,
        revision=revision,
        bytes_total=bytes_total,
        place=site.place,
    )


def _has_own_loader(asked: Asked) -> bool:
    quantized = asked.question.facts.quantization
    method = quantized.method if quantized is not None else asked.question.endpoint.model.quantization
    return has_own_loader(asked.question.engine.kind, method)


def _check_preflight(asked: Asked, nodes: int, efa: int, place: Place, findings: Findings) -> None:
    endpoint = asked.question.endpoint
    if endpoint.preflight and not (nodes > 1 and efa and place == "eks"):
        findings.warning(
            "LLM_FIT_41",
            endpoint,
            f"endpoints.{endpoint.name}.preflight",
            "there is no network between the ranks of this endpoint to look at"
            if nodes == 1 or not efa
            else "the job that looks at the network between ranks is one of a cluster",
            found=f"{nodes} node{'s' if nodes > 1 else ''} a replica, {efa} EFA interfaces a pod",
            expected="a replica that spans nodes of an EFA pool",
            fix="leave preflight out",
        )
