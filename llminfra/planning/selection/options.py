"""Every GPU instance type with the smallest spread that holds a model, its speed and its price."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct, field
from msgspec.structs import replace

from llminfra.catalog import prices, regions
from llminfra.catalog.engines import EngineRelease
from llminfra.catalog.gpus import Gpu, find_gpu
from llminfra.catalog.instances import InstanceType, all_gpu_types
from llminfra.catalog.models import ModelFacts
from llminfra.catalog.price_file import Kind
from llminfra.planning.memory import FitCase
from llminfra.planning.performance import FullLoad, Load, PerformanceEstimate
from llminfra.planning.selection.placing import Asked, Placed, place, place_over_nodes
from llminfra.spec.endpoint import Parallelism

SortBy = Literal["instance", "replica", "tokens"]

REGION_OF_ORDER = "us-east-1"
"""Which of two types costs less is much the same everywhere; this region's prices are at hand."""


class Option(Struct, frozen=True, kw_only=True):
    """One instance type as a home for the model.

    Attributes:
        instance_type: EC2 name.
        gpu: Device, a key of the GPU catalog.
        gpus: GPUs of the instance.
        fits: Whether one instance, or ``nodes`` of them, hold a replica that keeps the wish.
        reason: Why not; empty where it fits.
        parallelism: The spread with the fewest GPUs; ``None`` where none fits.
        nodes: Instances that one replica takes, joined by EFA; more than one only where one does not hold it.
        replicas: Replicas that one instance holds; 1 for one over several.
        headroom_gib: Cache per GPU beyond what the wished requests of full length take.
        max_concurrency: Requests of full length that one data-parallel rank holds, as in `FitResult`.
        replica_concurrency: Those that all ranks of a replica hold.
        kv_cache_tokens: Tokens that the cache of one data-parallel rank holds.
        purchase: How the instance is bought; the prices that follow are of this way.
        usd_per_hour: Price of the instance; ``None`` where no source states one.
        usd_per_replica_hour: Its share for one replica, or the price of all instances that it takes.
        order_usd_per_hour: On-demand price in us-east-1, by which those without a price are sorted.
        price_date: Day of the price.
        usd_per_hour_by_purchase: Price of the instance in every way it can be bought.
        ttft_ms: Estimated time to first token at the wished concurrency.
        tpot_ms: Estimated time per output token at the wished concurrency; ``None`` where answers come whole.
        tokens_per_s: Estimated output tokens per second of one replica at the wished concurrency; of inputs where
            answers come whole, and so below.
        full_load_callers: Callers that a replica runs at once with requests of the typical shape.
        full_load_tokens_per_s: Estimated output tokens per second of one replica with that many callers.
        usd_per_million_tokens: Price of a million output tokens at full load, all replicas of the instance in use.
        tight: Whether it fits by less than the estimate may be wrong.
        offered: Whether the region offers the type; ``None`` where that is not recorded.
        explain: How latency and throughput came about.
        speed: The whole estimate, which the figures above are of; ``None`` where it does not fit.
    """

    instance_type: str
    gpu: str
    gpus: int
    fits: bool
    reason: str = ""
    parallelism: Parallelism | None = None
    nodes: int = 1
    replicas: int = 0
    headroom_gib: float | None = None
    max_concurrency: float | None = None
    replica_concurrency: float | None = None
    kv_cache_tokens: int | None = None
    purchase: Kind = "on-demand"
    usd_per_hour: float | None = None
    usd_per_replica_hour: float | None = None
    order_usd_per_hour: float | None = None
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
    speed: PerformanceEstimate | None = None


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
    over_nodes: bool = False,
) -> tuple[Option, ...]:
    """Every GPU instance type of the catalog: those that hold the model first, sorted; then the others, with reasons.

    Args:
        facts: The model.
        case: Engine settings; the device in it is replaced. Sizes of the spread and expert parallelism are kept where
            they are given; the rest of the spread is chosen.
        region: AWS region of the prices.
        concurrency: Requests of full length that one replica must hold.
        load: Typical request; its concurrency is replaced by ``concurrency``. ``None``: 1,024 tokens in, 256 out.
        release: Engine release, for what its kernels can run; ``None``: the table of SGLang and TGI, or no check.
        sort_by: ``instance``: price of one instance; ``replica``: price of the smallest replica; ``tokens``: price of
            a million output tokens at full load. Types without price come last.
        purchase: How instances are bought. Prices of other ways than on demand are known where a file of refreshed
            prices is (`llminfra.catalog.price_file`).
        among: Names of the types to look at; ``None``: all.
        over_nodes: Whether several instances with EFA may hold a replica that one does not.
    """
    asked = replace(load or Load(), concurrency=concurrency).of(facts)
    typical = asked.within(case.max_model_len or facts.max_position_embeddings)
    placed: dict[tuple[str, int], Placed | str] = {}
    found = []
    for instance in all_gpu_types():
        if instance.gpu is None or (among is not None and instance.name not in among):
            continue
        gpu = find_gpu(instance.gpu.device)
        if gpu is None:
            continue
        key = (gpu.name, instance.gpu.count)
        wanted = Asked(facts=facts, case=case, gpu=gpu, instance=instance, load=typical, release=release)
        if key not in placed:
            placed[key] = place(wanted, placed)
        home: Placed | str = placed[key]
        if isinstance(home, str) and over_nodes:
            home = place_over_nodes(wanted) or home
        found.append(_option(instance, gpu, home, region, concurrency, purchase))
    return tuple(sorted(map(_ordered, found), key=lambda option: _rank(option, sort_by)))


def _ordered(option: Option) -> Option:
    """An option without a price, with the one of the region whose order is taken."""
    price = prices.on_demand_usd_per_hour(option.instance_type, REGION_OF_ORDER)
    if option.usd_per_hour is not None or price is None:
        return option
    return replace(option, order_usd_per_hour=price.usd)


def _option(
    instance: InstanceType, gpu: Gpu, placed: Placed | str, region: str, concurrency: int, purchase: Kind
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
    replicas = max(1, count // placed.parallelism.gpus)
    share = None if usd is None else usd * placed.parallelism.gpus / count
    fit = placed.fit
    each = -(-concurrency // placed.parallelism.data)  # copies of attention share the requests
    spare = (fit.kv_cache_memory_gib or 0.0) - (fit.kv_needed_gib or 0.0) * each
    full = placed.speed.full
    million = None if usd is None else placed.speed.usd_per_million_tokens(usd * placed.nodes / replicas)
    return Option(
        instance_type=instance.name,
        gpu=gpu.name,
        gpus=count,
        fits=True,
        parallelism=placed.parallelism,
        nodes=placed.nodes,
        replicas=replicas,
        headroom_gib=round(spare, 2),
        max_concurrency=fit.max_concurrency,
        replica_concurrency=placed.concurrency,
        kv_cache_tokens=fit.kv_cache_tokens,
        purchase=purchase,
        usd_per_hour=usd,
        usd_per_replica_hour=share,
        price_date=price.date if price else None,
        usd_per_hour_by_purchase=every,
        ttft_ms=placed.speed.ttft_ms,
        tpot_ms=None if placed.speed.whole else placed.speed.tpot_ms,
        tokens_per_s=placed.speed.input_tokens_per_s if placed.speed.whole else placed.speed.output_tokens_per_s,
        full_load_callers=full.load.concurrency if full else None,
        full_load_tokens_per_s=_rate(full, whole=placed.speed.whole),
        usd_per_million_tokens=million,
        tight=fit.tight,
        offered=offered,
        explain=placed.speed.explain,
        speed=placed.speed,
    )


def _rate(full: FullLoad | None, *, whole: bool) -> float | None:
    return None if full is None else full.input_tokens_per_s if whole else full.output_tokens_per_s


def _offered(name: str, region: str) -> bool | None:
    return region in regions.offered_in(name) if regions.has_offerings(region) else None


def _rank(option: Option, sort_by: SortBy) -> tuple[bool, bool, bool, float, float, str]:
    hour = option.usd_per_hour if option.order_usd_per_hour is None else option.order_usd_per_hour
    figure = hour
    if option.fits and hour is not None:
        hour *= option.nodes
        share = hour / option.replicas
        speed = option.full_load_tokens_per_s
        figure = {"instance": hour, "replica": share, "tokens": share / speed if speed else None}[sort_by]
    unpriced = option.usd_per_hour is None
    return (not option.fits, unpriced, figure is None, figure or 0.0, hour or 0.0, option.instance_type)
