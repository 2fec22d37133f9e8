"""Where a configuration of ``llminfra fit --gpu`` can run, what it costs there, how fast it answers and starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from llminfra.cli.fitting.asked import Asked, find_options, plain_options
from llminfra.cli.fitting.machine import device_of, types_with
from llminfra.cli.fitting.starts import start_of
from llminfra.planning.selection.ways_out import wants

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from llminfra.cli.fitting.wish import Wish
    from llminfra.planning.memory import FitCase, FitResult
    from llminfra.planning.performance import PerformanceEstimate
    from llminfra.planning.selection import Option
    from llminfra.planning.start.assumed import AssumedStart


class Home(Struct, frozen=True, kw_only=True):
    """What is known of a configuration beside its memory.

    Attributes:
        asked: What was asked, with its defaults; ``None`` where no instance type has the GPU.
        options: Instance types with the GPU, those that hold the configuration first, in the order asked for.
        speed: Latency and throughput; ``None`` where they cannot be told.
        start: The start on the best instance type.
    """

    asked: Asked | None = None
    options: tuple[Option, ...] = ()
    speed: PerformanceEstimate | None = None
    start: AssumedStart | None = None

    @property
    def good(self) -> tuple[Option, ...]:
        """Types that hold the configuration and the requests wished for; those that the region has, if it has any."""
        fitting = tuple(option for option in self.options if option.fits)
        return tuple(option for option in fitting if option.offered is not False) or fitting

    @property
    def best(self) -> Option | None:
        """The first of them."""
        return next(iter(self.good), None)


def find_home(
    given: Mapping[str, object], case: FitCase, result: FitResult, wish: Wish, *, config: Path | None = None
) -> Home:
    """What is known of a configuration whose memory fits.

    Args:
        given: The case as options say it.
        case: The case.
        result: What was said of its memory.
        wish: The load, and how instances are bought.
        config: Where the model's config.json is, if it has one.
    """
    if not result.fits or wants(result, wish.concurrency):
        return Home()
    spread = {
        "tensor_parallel": result.tensor_parallel or 1,
        "pipeline_parallel": result.pipeline_parallel or 1,
        "data_parallel": case.data_parallel or 1,
    }
    gpus = spread["tensor_parallel"] * spread["pipeline_parallel"] * spread["data_parallel"]
    exact = {**given, **spread, "expert_parallel": bool(case.expert_parallel) and gpus > 1}
    exact.pop("gpu", None)
    sold = types_with(case.gpu) if case.gpu else ()
    if not sold:
        return Home(speed=_speed_beyond_aws(case, result, wish))
    asked, options = find_options(exact, wish, config=config, among=sold)
    hosted = is_hosting(case.gpu)
    if hosted:
        options = tuple(_hosted(option, wish.region) for option in options)
    found = Home(asked=asked, options=options)
    best = found.best
    if best is None:
        return found
    return replace(found, speed=best.speed, start=None if hosted else start_of(asked, best))


def is_hosting(gpu: str | None) -> bool:
    """Whether an instance type of SageMaker is named."""
    return (gpu or "").strip().lower().startswith("ml.")


def _hosted(option: Option, region: str) -> Option:
    """The same machine as an instance of a SageMaker endpoint, which has a price of its own and runs one replica."""
    from llminfra.catalog.prices import hosting_usd_per_hour

    price = hosting_usd_per_hour(f"ml.{option.instance_type}", region)
    usd = price.usd if price else None
    speed = option.speed
    return replace(
        option,
        instance_type=f"ml.{option.instance_type}",
        purchase="on-demand",
        usd_per_hour=usd,
        usd_per_hour_by_purchase={},
        price_date=price.date if price else None,
        replicas=min(option.replicas, 1),
        usd_per_replica_hour=usd,
        usd_per_million_tokens=None if usd is None or speed is None else speed.usd_per_million_tokens(usd),
    )


def _speed_beyond_aws(case: FitCase, result: FitResult, wish: Wish) -> PerformanceEstimate | None:
    """Speed on a device that no instance type has, all of it in one machine; ``None`` where nobody states its speed."""
    from llminfra.planning.memory.estimate import facts_for
    from llminfra.planning.spread.parallelism import fitted_replica, sized_for
    from llminfra.spec.endpoint import Parallelism

    gpu, facts = device_of(case), facts_for(case)
    if gpu is None or not gpu.tflops or facts is None:
        return None
    spread = Parallelism(
        tensor=result.tensor_parallel or 1,
        pipeline=result.pipeline_parallel or 1,
        data=case.data_parallel or 1,
        expert=bool(case.expert_parallel),
    )
    sized, load = sized_for(case, spread), wish.load.of(facts).within(result.max_model_len)
    replica = fitted_replica(facts, sized, result, gpu, spread, per_node=spread.gpus, network_gbps=0.0)
    return replica.estimate(load)


def plain_home(home: Home) -> dict[str, Any]:
    """For JSON: ``performance`` and ``startup`` as in ``llminfra plan --json``, and instance types as in the list."""
    startup = None
    if home.start is not None:
        startup = {
            **msgspec.to_builtins(home.start.startup),
            "estimate_s": home.start.startup.estimate_s,
            "warm_node_s": home.start.startup.container_s,
            "weights": {
                name: getattr(home.start.weights, name)
                for name in ("kind", "bytes_total", "read_mb_per_s", "read_source")
            },
        }
    return {
        "instance_types": [] if home.asked is None else plain_options(home.asked, home.options),
        "performance": None if home.speed is None else msgspec.to_builtins(home.speed),
        "startup": startup,
    }
