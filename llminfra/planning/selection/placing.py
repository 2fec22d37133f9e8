"""The smallest spread of a model over the GPUs of one instance type, or over a few instances of it.

The spreads that are tried, and which of those with as many GPUs is taken, are those of a plan: `llminfra fit` may not
name a home that `llminfra plan` would leave, nor miss one that it finds.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from llminfra.catalog.engines import EngineRelease
from llminfra.catalog.gpus import Gpu, find_gpu
from llminfra.catalog.instances import InstanceType, all_gpu_types
from llminfra.catalog.models import ModelFacts
from llminfra.engines.untold import untold_spread_fields
from llminfra.planning.hardware.engine_run import EngineRun
from llminfra.planning.memory import FitCase, FitResult
from llminfra.planning.memory.device import problems_on
from llminfra.planning.memory.inputs.case import CATALOG_NAMES, SPAN_NODES
from llminfra.planning.memory.releases.settings import quantization
from llminfra.planning.performance import Load, PerformanceEstimate
from llminfra.planning.spread.choosing import choose
from llminfra.planning.spread.parallelism import Candidate, Promise, fitted, fitted_replica, sized_for
from llminfra.planning.spread.spreads import between, inside, staged
from llminfra.spec.endpoint import Parallelism

_NODES = (2, 3, 4)
"""Engines that cut a replica into stages, and spread it over instances."""
_USD_PER_GPU_HOUR = 1.0
"""Spreads of one size over one device are compared: only the ratio of their prices counts."""


class Placed(Struct, frozen=True, kw_only=True):
    """A spread that fits a device, shared by all instance types with as many of it; over ``nodes`` instances."""

    parallelism: Parallelism
    fit: FitResult
    concurrency: float
    speed: PerformanceEstimate
    nodes: int = 1


class Asked(Struct, frozen=True, kw_only=True):
    """What is to be placed, and on what.

    Attributes:
        facts: The model.
        case: Engine settings; the device in it is replaced.
        gpu: The device.
        instance: One of the types that have it.
        load: Typical request, with the requests of full length that a replica must hold.
        release: Engine release; ``None`` where the catalog has none.
    """

    facts: ModelFacts
    case: FitCase
    gpu: Gpu
    instance: InstanceType
    load: Load
    release: EngineRelease | None

    @property
    def count(self) -> int:
        """GPUs of the instance."""
        return self.instance.gpu.count if self.instance.gpu else 1

    @property
    def stages(self) -> bool:
        """Whether the engine can cut this model into pipeline stages."""
        cuts = self.release is None or self.release.pipeline_of(self.facts.architecture) is not False
        return cuts and self.case.engine in SPAN_NODES

    @property
    def experts(self) -> bool:
        """Whether the engine can be told to deal experts out whole."""
        return "expert" not in untold_spread_fields(CATALOG_NAMES.get(self.case.engine, ""))

    @property
    def copies(self) -> bool:
        """Whether the engine runs copies of attention that share experts."""
        return self.case.engine == "vllm"


def place(asked: Asked, placed: dict[tuple[str, int], Placed | str]) -> Placed | str:
    """The spread with the fewest GPUs of one instance, or why there is none.

    One that fits by less than the estimate may be wrong is taken where there is no other, as in a plan.

    Args:
        asked: What is placed.
        placed: What was found for instances with fewer of the device: theirs is taken where it fits.
    """
    if (stop := _incapable(asked)) is not None:
        return stop
    reason, tight = "", None
    for size, shapes in _by_size(_shapes(asked)):
        known = placed.get((asked.gpu.name, size))
        found = known if isinstance(known, Placed) else _best(asked, shapes)
        if isinstance(found, Placed) and not found.fit.tight:
            return found
        if isinstance(found, Placed):
            tight = tight or found
        else:
            reason = found
    if tight is not None:
        return tight
    return reason or f"{_wanted(asked.case)} GPUs are asked for"


def place_over_nodes(asked: Asked) -> Placed | None:
    """A replica over the fewest instances with EFA, with all their GPUs; ``None`` where there is none.

    Of each kind of GPU, the types with the most of it are tried: joining smaller ones saves nothing.
    Tensor parallelism stays inside an instance, as replicas over nodes are declared.
    """
    case, count = asked.case, asked.count
    largest = max(item.gpu.count for item in all_gpu_types() if item.gpu and find_gpu(item.gpu.device) == asked.gpu)
    if case.engine not in SPAN_NODES or not asked.instance.efa_interfaces or count < largest:
        return None
    if case.tensor_parallel not in {None, 1, count} or _incapable(asked) is not None:
        return None
    for nodes in _NODES:
        shapes = between(asked.facts, count, nodes, copies=asked.copies, stages=asked.stages)
        if asked.facts.is_moe:
            shapes += [shape.model_copy(update={"expert": True}) for shape in shapes if not shape.expert]
        found = _best(asked, [shape for shape in shapes if _is_asked(case, shape)], nodes=nodes)
        if isinstance(found, Placed):
            return found
    return None


def _shapes(asked: Asked) -> list[Parallelism]:
    """Spreads over the GPUs of one instance that the case leaves open."""
    case, count = asked.case, asked.count
    if case.tensor_parallel or case.pipeline_parallel or case.data_parallel:
        pipeline, data = case.pipeline_parallel or 1, case.data_parallel or 1
        tensors = [case.tensor_parallel] if case.tensor_parallel else list(range(1, count + 1))
        shapes = [Parallelism(tensor=tensor, pipeline=pipeline, data=data) for tensor in tensors]
        divide = bool(case.tensor_parallel)
        shapes = [item for item in shapes if item.gpus <= count and (divide or count % item.gpus == 0)]
        if (asked.facts.is_moe and asked.experts) or case.expert_parallel:
            shapes += [item.model_copy(update={"expert": True}) for item in shapes if item.gpus > 1]
    else:
        shapes = inside(asked.facts, count, copies=asked.copies, experts=asked.experts)
        shapes += staged(count) if asked.stages else []
    return [item for item in shapes if _is_asked(case, item)]


def _is_asked(case: FitCase, shape: Parallelism) -> bool:
    """Whether a spread keeps what the case says of it."""
    pairs = (
        (case.tensor_parallel, shape.tensor),
        (case.pipeline_parallel, shape.pipeline),
        (case.data_parallel, shape.data),
        (case.expert_parallel, shape.expert),
    )
    return all(wish is None or wish == found for wish, found in pairs)


def _wanted(case: FitCase) -> int:
    return (case.tensor_parallel or 1) * (case.pipeline_parallel or 1) * (case.data_parallel or 1)


def _by_size(shapes: Iterable[Parallelism]) -> list[tuple[int, list[Parallelism]]]:
    """Spreads by how many GPUs they take, fewest first; of each size the plainest first."""
    sizes: dict[int, list[Parallelism]] = {}
    for shape in sorted(shapes, key=lambda item: (item.gpus, item.data, item.pipeline, item.expert)):
        sizes.setdefault(shape.gpus, []).append(shape)
    return list(sizes.items())


def _best(asked: Asked, shapes: list[Parallelism], *, nodes: int = 1) -> Placed | str:
    """Of spreads with as many GPUs the one that a plan takes, or why the plainest does not do."""
    found = [_tried(asked, shape, nodes) for shape in shapes]
    chosen = choose(tuple(found), Promise(concurrency=asked.load.concurrency)).chosen
    if chosen is not None and chosen.performance is not None:
        return Placed(
            parallelism=chosen.parallelism,
            fit=chosen.fit,
            concurrency=chosen.concurrency,
            speed=chosen.performance,
            nodes=nodes,
        )
    first = next((option for option in found if not option.problems), found[0] if found else None)
    return "" if first is None else _why_not(first, asked.load.concurrency)


def _why_not(option: Candidate, wished: int) -> str:
    if option.fit.fits is True and not option.problems:
        return f"{option.shape}: holds {option.concurrency:.1f} requests of full length, {wished} are wished"
    return option.describe()


def _incapable(asked: Asked) -> str | None:
    facts, case = asked.facts, asked.case
    run = EngineRun(
        engine=case.engine,
        release=asked.release,
        quant=quantization(facts, case),
        requested=case.quantization if facts.quantization is None else None,
        dtype=None if case.dtype in {None, "auto"} else case.dtype,
        kv_cache_dtype=case.kv_cache_dtype,
        text_only=bool(case.language_model_only),
        longest=case.max_model_len,
    )
    return next((item.message for item in problems_on(asked.gpu, facts, run) if item.fatal), None)


def _tried(asked: Asked, shape: Parallelism, nodes: int) -> Candidate:
    """What memory and speed say about one spread."""
    facts, gpu = asked.facts, asked.gpu
    sized = sized_for(asked.case.model_copy(update={"gpu": gpu.name, "total_gpu_gib": None}), shape)
    fit, problems = fitted(facts, sized, shape)
    speed, usd = None, shape.gpus * _USD_PER_GPU_HOUR
    if fit.fits is True and not problems:
        wires, per_node = asked.instance.network_gbps, shape.gpus // nodes
        replica = fitted_replica(facts, sized, fit, gpu, shape, per_node=per_node, network_gbps=wires)
        speed = replica.estimate(asked.load)
    return Candidate(
        parallelism=shape,
        nodes=nodes,
        fit=fit,
        concurrency=fit.replica_concurrency or 0.0,
        problems=problems,
        usd_per_hour=usd,
        performance=speed,
        usd_per_million_tokens=speed.usd_per_million_tokens(usd) if speed else None,
    )
