"""The smallest spread of a model over the GPUs of one instance type, or over a few instances of it."""

from __future__ import annotations

from msgspec import Struct

from llminfra.catalog.engines import EngineRelease
from llminfra.catalog.gpus import Gpu, find_gpu
from llminfra.catalog.instances import InstanceType, all_gpu_types
from llminfra.catalog.models import ModelFacts
from llminfra.planning.hardware.gpu_support import gpu_problems
from llminfra.planning.memory import FitCase, FitResult
from llminfra.planning.memory.releases.settings import quantization
from llminfra.planning.performance import Load, PerformanceEstimate
from llminfra.planning.spread.parallelism import fitted, fitted_replica, sized_for
from llminfra.spec.endpoint import Parallelism

_NODES = (2, 3, 4)
SPAN_NODES = frozenset({"vllm", "sglang"})
"""Engines that spread a replica over instances."""


class Placed(Struct, frozen=True, kw_only=True):
    """A spread that fits a device, shared by all instance types with as many of it; over ``nodes`` instances."""

    parallelism: Parallelism
    fit: FitResult
    concurrency: float
    speed: PerformanceEstimate
    nodes: int = 1


def place(
    facts: ModelFacts,
    case: FitCase,
    gpu: Gpu,
    instance: InstanceType,
    placed: dict[tuple[str, int], Placed | str],
    load: Load,
    release: EngineRelease | None,
) -> Placed | str:
    """The spread with the fewest GPUs of one instance, or why there is none."""
    count = instance.gpu.count if instance.gpu else 1
    if (stop := _incapable(facts, case, gpu, release)) is not None:
        return stop
    reason = ""
    for shape in _shapes(facts, case, count):
        # Smaller instances with the same device have been looked at before, mostly.
        known = placed.get((gpu.name, shape.gpus))
        if isinstance(known, Placed) and known.parallelism.gpus <= shape.gpus:
            return known
        result = _try(facts, case, gpu, shape, load, instance.network_gbps)
        if isinstance(result, Placed):
            return result
        stages = f" PP {shape.pipeline}" if shape.pipeline > 1 else ""
        reason = f"TP {shape.tensor}{stages}: {result}"
    if not reason:
        wanted = (case.tensor_parallel or 1) * (case.pipeline_parallel or 1)
        return f"{wanted} GPUs are asked for"
    return reason


def place_over_nodes(
    facts: ModelFacts, case: FitCase, gpu: Gpu, instance: InstanceType, load: Load, release: EngineRelease | None
) -> Placed | None:
    """A pipeline over the fewest instances with EFA, each a stage of all its GPUs; ``None`` where there is none.

    Of each kind of GPU, the types with the most of it are tried: joining smaller ones saves nothing.
    Tensor parallelism stays inside an instance, as replicas over nodes are declared.
    """
    count = instance.gpu.count if instance.gpu else 1
    largest = max(item.gpu.count for item in all_gpu_types() if item.gpu and find_gpu(item.gpu.device) == gpu)
    cuts = release is None or release.pipeline_of(facts.architecture) is not False
    if case.engine not in SPAN_NODES or not instance.efa_interfaces or count < largest or not cuts:
        return None
    if case.tensor_parallel not in {None, count} or _incapable(facts, case, gpu, release) is not None:
        return None
    experts = (bool(case.expert_parallel),) if case.expert_parallel is not None else (False, True)
    for nodes in (case.pipeline_parallel,) if case.pipeline_parallel else _NODES:
        for expert in experts if facts.is_moe else experts[:1]:
            shape = Parallelism(tensor=count, pipeline=nodes, expert=expert)
            found = _try(facts, case, gpu, shape, load, instance.network_gbps, nodes=nodes)
            if nodes > 1 and isinstance(found, Placed):
                return found
    return None


def _shapes(facts: ModelFacts, case: FitCase, count: int) -> list[Parallelism]:
    """Spreads over the GPUs of one instance that the case leaves open, those with the fewest GPUs first."""
    pipeline = case.pipeline_parallel or 1
    if case.tensor_parallel:
        sizes = [case.tensor_parallel * pipeline] if case.tensor_parallel * pipeline <= count else []
    else:
        sizes = [size for size in range(pipeline, count + 1, pipeline) if count % size == 0]
    asked = None if case.expert_parallel is None else bool(case.expert_parallel)
    return [
        Parallelism(tensor=size // pipeline, pipeline=pipeline, expert=expert)
        for size in sizes
        for expert in ((False, True) if facts.is_moe and size > 1 else (False,) if asked is None else (asked,))
        if asked in {None, expert}
    ]


def _incapable(facts: ModelFacts, case: FitCase, gpu: Gpu, release: EngineRelease | None) -> str | None:
    problems = gpu_problems(
        gpu,
        engine=case.engine,
        release=release,
        quant=quantization(facts, case),
        requested=case.quantization if facts.quantization is None else None,
        dtype=None if case.dtype in {None, "auto"} else case.dtype,
        checkpoint_dtype=facts.dtype,
        kv_cache_dtype=case.kv_cache_dtype,
    )
    return next((item.message for item in problems if item.fatal), None)


def _try(
    facts: ModelFacts,
    case: FitCase,
    gpu: Gpu,
    shape: Parallelism,
    load: Load,
    network_gbps: float,
    *,
    nodes: int = 1,
) -> Placed | str:
    here = case.model_copy(update={"gpu": gpu.name, "total_gpu_gib": None})
    sized = sized_for(here, shape)
    fit, problems = fitted(facts, sized, shape)
    if problems:
        return problems[0].message
    if fit.fits is not True:
        return fit.reason.partition(": ")[2] or fit.reason
    if (fit.max_concurrency or 0.0) < load.concurrency:
        return f"holds {fit.max_concurrency:.1f} requests of full length, {load.concurrency} are wished"
    asked = fitted_replica(facts, sized, fit, gpu, shape, per_node=shape.gpus // nodes, network_gbps=network_gbps)
    return Placed(
        parallelism=shape,
        fit=fit,
        concurrency=fit.max_concurrency or 0.0,
        speed=asked.estimate(load),
        nodes=nodes,
    )
