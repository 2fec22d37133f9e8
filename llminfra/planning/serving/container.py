"""The container of a replica: what its engine is told, and how long it may take to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.engines import adapter
from llminfra.engines.job import Adapter, ServingJob
from llminfra.engines.untold import untold_endpoint_fields
from llminfra.planning.fit.latency_targets import check_estimated
from llminfra.planning.plan.serving import DrainPlan
from llminfra.planning.served.adapters import adapter_places
from llminfra.planning.serving.argument_check import check_arguments
from llminfra.planning.serving.callers import check_key, check_namespaces
from llminfra.planning.serving.container_settings import check_known, check_overrides
from llminfra.planning.start.kernel_trials import kept_folders, vllm_version

if TYPE_CHECKING:
    from llminfra.engines.invocation import Invocation
    from llminfra.planning.findings import Findings
    from llminfra.planning.serving.asked import Asked
    from llminfra.planning.serving.settled import Settled
    from llminfra.planning.serving.site import Site
    from llminfra.planning.serving.start import Start

# Load balancers and endpoint slices need a moment to stop sending; then the engine finishes what it has.
_PRE_STOP_S = 15
_DRAIN_S = 120
_GRACE_MARGIN_S = 15


def invocation_of(asked: Asked, settled: Settled, start: Start, site: Site, findings: Findings) -> Invocation:
    """Image, command, arguments and environment; options that the engine does not have are findings."""
    question, release = asked.question, settled.release
    endpoint, engine, chosen = question.endpoint, question.engine, settled.spread.chosen
    own = question.facts.quantization
    job = ServingJob(
        endpoint=endpoint,
        release=release,
        model_argument=start.weights.model_argument,
        from_object_storage=start.weights.kind == "bucket",
        from_local_disks=start.weights.kind == "nvme" and start.streamed_files,
        served_name=served_name(asked, start),
        revision=start.revision,
        parallelism=chosen.parallelism,
        nodes=chosen.nodes,
        max_model_len=engine.max_model_len or question.facts.max_position_embeddings,
        max_num_seqs=engine.max_num_seqs,
        gpu_memory_utilization=engine.gpu_memory_utilization,
        quantize_at_load=endpoint.model.quantization if own is None else None,
        dtype=endpoint.model.dtype,
        efa=settled.efa and site.pool.efa_per_node > 0,
        region=site.platform.region,
        startup_budget_s=start.startup.budget_s,
        drain_s=_DRAIN_S,
        pod_memory_mib=start.resources.memory_mib,
        adapters=tuple(Adapter(name=item.name, path=item.path, rank=item.rank) for item in asked.adapters),
        adapters_on_gpu=adapter_places(endpoint, asked.adapters),
        role=site.role,
        task=question.facts.task,
        architecture=question.facts.architecture,
        cached=chosen.fit.kv_cache_tokens is not None or chosen.fit.fits is None,
        quantization=own.method if own is not None else endpoint.model.quantization,
    )
    check_known(endpoint, release, findings)
    invocation = adapter(engine.kind).invoke(job)
    check_overrides(endpoint, release, invocation, findings)
    check_key(endpoint, invocation, findings)
    check_namespaces(endpoint, findings)
    check_estimated(endpoint, findings)
    check_arguments(endpoint, release, invocation, findings)
    folders = kept_folders(invocation.kernel_folders, vllm_version(release), chosen.parallelism.gpus)
    return replace(invocation, kernel_folders=folders)


def served_name(asked: Asked, start: Start) -> str:
    """The name that callers use; DeepSpeed-MII answers to its ``--model`` alone (``untold.py``)."""
    endpoint = asked.question.endpoint
    if "served_name" in untold_endpoint_fields(endpoint.engine.kind):
        return start.weights.model_argument
    return endpoint.served_name or endpoint.model.id


def engine_version(asked: Asked, settled: Settled) -> str:
    """The release's version, or the tag of an own image."""
    if settled.release is not None:
        return settled.release.version
    image = asked.question.engine.image
    return image.tag or "" if image else ""


def drain_of(invocation: Invocation) -> DrainPlan:
    """The end of a pod: out of rotation, then the engine's own drain, then it is killed."""
    engine_s = invocation.drain_flag_s
    return DrainPlan(pre_stop_s=_PRE_STOP_S, engine_s=engine_s, grace_s=_PRE_STOP_S + engine_s + _GRACE_MARGIN_S)
