"""Every GPU instance type with the smallest spread that holds a model, its speed and its price."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct, field

from llminfra.catalog import prices, regions
from llminfra.catalog.engines import EngineRelease
from llminfra.catalog.gpus import Gpu, find_gpu
from llminfra.catalog.instances import InstanceType, all_gpu_types
from llminfra.catalog.models import ModelFacts
from llminfra.catalog.price_file import Kind
from llminfra.planning.gpu_support import gpu_problems
from llminfra.planning.memory import FitCase, FitResult, divisibility_findings, estimate
from llminfra.planning.memory.settings import quantization
from llminfra.planning.performance import Load, PerformanceEstimate, Replica, replica
from llminfra.spec.endpoint import Parallelism

SortBy = Literal["instance", "replica", "tokens"]

_FP8 = "fp8"


class Option(Struct, frozen=True, kw_only=True):
    """One instance type as a home for the model.

    Attributes:
        instance_type: EC2 name.
        gpu: Device, a key of the GPU catalog.
        gpus: GPUs of the instance.
        fits: Whether one instance holds a replica that keeps the wish.
        reason: Why not; empty where it fits.
        parallelism: The spread with the fewest GPUs; ``None`` where none fits.
        replicas: Replicas that one instance holds.
        headroom_gib: Cache per GPU beyond what the wished requests of full length take.
        max_concurrency: Requests of full length that a replica holds.
        kv_cache_tokens: Tokens that a replica's cache holds.
        purchase: How the instance is bought; the prices that follow are of this way.
        usd_per_hour: Price of the instance; ``None`` where no source states one.
        usd_per_replica_hour: Its share for one replica.
        price_date: Day of the price.
        usd_per_hour_by_purchase: Price of the instance in every way it can be bought.
        ttft_ms: Estimated time to first token at the wished concurrency.
        tpot_ms: Estimated time per output token at the wished concurrency.
        tokens_per_s: Estimated output tokens per second of one replica at the wished concurrency.
        full_load_callers: Callers that a replica runs at once with requests of the typical shape.
        full_load_tokens_per_s: Estimated output tokens per second of one replica with that many callers.
        usd_per_million_tokens: Price of a million output tokens at full load, all replicas of the instance in use.
        tight: Whether it fits by less than the estimate may be wrong.
        offered: Whether the region offers the type; ``None`` where that is not recorded.
        explain: How latency and throughput came about.
    """

    instance_type: str
    gpu: str
    gpus: int
    fits: bool
    reason: str = ""
    parallelism: Parallelism | None = None
    replicas: int = 0
    headroom_gib: float | None = None
    max_concurrency: float | None = None
    kv_cache_tokens: int | None = None
    purchase: Kind = "on-demand"
    usd_per_hour: float | None = None
    usd_per_replica_hour: float | None = None
    price_date: str | None = None
    usd_per_hour_by_purchase: dict[Kind, float | None] = field(default_factory=dict)
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    tokens_per_s: float | None = None
    full_load_callers: int | None = None
    full_load_tokens_per_s: float | None = None
    usd_per_million_tokens: float | None = None
    tight: bool = False
    offered: bool | None = None
    explain: tuple[str, ...] = ()


class _Placed(Struct, frozen=True, kw_only=True):
    """A spread that fits a device, shared by all instance types with as many of it."""

    parallelism: Parallelism
    fit: FitResult
    concurrency: float
    now: PerformanceEstimate
    full: PerformanceEstimate
    full_callers: int


def list_options(
    facts: ModelFacts,
    case: FitCase,
    region: str,
    *,
    concurrency: int = 1,
    load: Load | None = None,
    release: EngineRelease | None = None,
    sort_by: SortBy = "replica",
    purchase: Kind = "on-demand",
    among: tuple[str, ...] | None = None,
) -> tuple[Option, ...]:
    """Every GPU instance type of the catalog: those that hold the model first, sorted; then the others, with reasons.

    Args:
        facts: The model.
        case: Engine settings; the device in it is replaced. Tensor and pipeline sizes and expert parallelism are kept
            where they are given; the rest of the spread is chosen.
        region: AWS region of the prices.
        concurrency: Requests of full length that one replica must hold.
        load: Typical request; its concurrency is replaced by ``concurrency``. ``None``: 1,024 tokens in, 256 out.
        release: Engine release, for what its kernels can run; ``None``: the table of SGLang and TGI, or no check.
        sort_by: ``instance``: price of one instance; ``replica``: price of the smallest replica; ``tokens``: price of
            a million output tokens at full load. Types without price come last.
        purchase: How instances are bought. Prices of other ways than on demand are known where a file of refreshed
            prices is (`llminfra.catalog.price_file`).
        among: Names of the types to look at; ``None``: all.
    """
    typical = _load(load or Load(), case.max_model_len or facts.max_position_embeddings, concurrency)
    placed: dict[tuple[str, int], _Placed | str] = {}
    found = []
    for instance in all_gpu_types():
        if instance.gpu is None or (among is not None and instance.name not in among):
            continue
        gpu = find_gpu(instance.gpu.device)
        if gpu is None:
            continue
        key = (gpu.name, instance.gpu.count)
        if key not in placed:
            placed[key] = _place(facts, case, gpu, instance, placed, typical, release)
        found.append(_option(instance, gpu, placed[key], region, concurrency, purchase))
    return tuple(sorted(found, key=lambda option: _rank(option, sort_by)))


def _load(load: Load, longest: int, concurrency: int) -> Load:
    output = max(1, min(load.output_tokens, longest // 2)) if longest else load.output_tokens
    prompt = max(1, min(load.prompt_tokens, longest - output)) if longest else load.prompt_tokens
    return Load(prompt_tokens=prompt, output_tokens=output, concurrency=concurrency)


def _place(
    facts: ModelFacts,
    case: FitCase,
    gpu: Gpu,
    instance: InstanceType,
    placed: dict[tuple[str, int], _Placed | str],
    load: Load,
    release: EngineRelease | None,
) -> _Placed | str:
    """The spread with the fewest GPUs, or why there is none."""
    count = instance.gpu.count if instance.gpu else 1
    if (stop := _incapable(facts, case, gpu, release)) is not None:
        return stop
    reason = ""
    for shape in _shapes(facts, case, count):
        # Smaller instances with the same device have been looked at before, mostly.
        known = placed.get((gpu.name, shape.gpus))
        if isinstance(known, _Placed) and known.parallelism.gpus <= shape.gpus:
            return known
        result = _try(facts, case, gpu, shape, load, instance.network_gbps)
        if isinstance(result, _Placed):
            return result
        stages = f" PP {shape.pipeline}" if shape.pipeline > 1 else ""
        reason = f"TP {shape.tensor}{stages}: {result}"
    if not reason:
        wanted = (case.tensor_parallel or 1) * (case.pipeline_parallel or 1)
        return f"{wanted} GPUs are asked for"
    return reason


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
    facts: ModelFacts, case: FitCase, gpu: Gpu, shape: Parallelism, load: Load, network_gbps: float
) -> _Placed | str:
    sized = case.model_copy(
        update={
            "gpu": gpu.name,
            "total_gpu_gib": None,
            "gpus_total": shape.gpus,
            "tensor_parallel": shape.tensor,
            "pipeline_parallel": shape.pipeline,
            "data_parallel": 1,
            "expert_parallel": shape.expert,
        }
    )
    quant = quantization(facts, sized)
    ranks = shape.tensor if shape.expert else 1
    problems = divisibility_findings(facts, shape.tensor, shape.pipeline, ep=ranks, quant=quant)
    fatal = next((item for item in problems if item.fatal), None)
    if fatal is not None:
        return fatal.message
    fit = estimate(facts, sized)
    if fit.fits is not True:
        return fit.reason.partition(": ")[2] or fit.reason
    if (fit.max_concurrency or 0.0) < load.concurrency:
        return f"holds {fit.max_concurrency:.1f} requests of full length, {load.concurrency} are wished"
    asked = _replica(facts, sized, fit, gpu, shape, network_gbps)
    callers = max(1, int(asked.most_running(load)))
    full = Load(prompt_tokens=load.prompt_tokens, output_tokens=load.output_tokens, concurrency=callers)
    return _Placed(
        parallelism=shape,
        fit=fit,
        concurrency=fit.max_concurrency or 0.0,
        now=asked.estimate(load),
        full=asked.estimate(full),
        full_callers=callers,
    )


def _replica(
    facts: ModelFacts, case: FitCase, fit: FitResult, gpu: Gpu, shape: Parallelism, network_gbps: float
) -> Replica:
    return replica(
        facts,
        gpu,
        shape,
        quant=quantization(facts, case),
        dtype=case.dtype or "bfloat16",
        kv_bytes=1 if (fit.kv_cache_dtype or "").startswith(_FP8) else 2,
        gpus_per_node=shape.gpus,
        network_gbps=network_gbps,
        max_num_batched_tokens=fit.max_num_batched_tokens or 8192,
        max_num_seqs=fit.max_num_seqs or 256,
        cache_tokens=fit.kv_cache_tokens,
        eager=bool(case.enforce_eager),
    )


def _option(
    instance: InstanceType, gpu: Gpu, placed: _Placed | str, region: str, concurrency: int, purchase: Kind
) -> Option:
    found = {kind: prices.usd_per_hour(instance.name, region, kind) for kind in get_args(Kind)}
    every = {kind: item.usd if item else None for kind, item in found.items()}
    price = found[purchase]
    count = instance.gpu.count if instance.gpu else 0
    offered = _offered(instance.name, region)
    usd = price.usd if price else None
    if isinstance(placed, str):
        return Option(
            instance_type=instance.name,
            gpu=gpu.name,
            gpus=count,
            fits=False,
            reason=placed,
            purchase=purchase,
            usd_per_hour=usd,
            price_date=price.date if price else None,
            usd_per_hour_by_purchase=every,
            offered=offered,
        )
    replicas = count // placed.parallelism.gpus
    share = None if usd is None else usd * placed.parallelism.gpus / count
    fit = placed.fit
    spare = (fit.kv_cache_memory_gib or 0.0) - (fit.kv_needed_gib or 0.0) * concurrency
    million = None if usd is None else usd / replicas / 3600 / placed.full.output_tokens_per_s * 1e6
    return Option(
        instance_type=instance.name,
        gpu=gpu.name,
        gpus=count,
        fits=True,
        parallelism=placed.parallelism,
        replicas=replicas,
        headroom_gib=round(spare, 2),
        max_concurrency=placed.concurrency,
        kv_cache_tokens=fit.kv_cache_tokens,
        purchase=purchase,
        usd_per_hour=usd,
        usd_per_replica_hour=share,
        price_date=price.date if price else None,
        usd_per_hour_by_purchase=every,
        ttft_ms=placed.now.ttft_ms,
        tpot_ms=placed.now.tpot_ms,
        tokens_per_s=placed.now.output_tokens_per_s,
        full_load_callers=placed.full_callers,
        full_load_tokens_per_s=placed.full.output_tokens_per_s,
        usd_per_million_tokens=million,
        tight=fit.tight,
        offered=offered,
        explain=placed.now.explain,
    )


def _offered(name: str, region: str) -> bool | None:
    return region in regions.offered_in(name) if regions.has_offerings(region) else None


def _rank(option: Option, sort_by: SortBy) -> tuple[bool, bool, float, float, str]:
    figure = {
        "instance": option.usd_per_hour,
        "replica": option.usd_per_replica_hour,
        "tokens": option.usd_per_million_tokens,
    }[sort_by]
    if not option.fits:
        figure = option.usd_per_hour
    return (not option.fits, figure is None, figure or 0.0, option.usd_per_hour or 0.0, option.instance_type)
