"""The start of a replica that no spec declares: on a cluster, from a bucket, on nodes that are not there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.planning.facts import number
from llminfra.planning.start.engine_times import capability_of, engine_times
from llminfra.planning.start.start_choices import ImageSource
from llminfra.planning.start.startup import plan_startup
from llminfra.planning.storage.weights import from_bucket, has_own_loader
from llminfra.spec.models.storage import ModelBucket

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.instances import InstanceType
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.plan.serving import WeightsPlan
    from llminfra.planning.plan.startup import StartupPlan

# Nobody is told this name: of a bucket only how fast it is read matters here.
_ANY_BUCKET = ModelBucket(name="model-weights")


class AssumedStart(Struct, frozen=True, kw_only=True):
    """How long it takes, and where the weights are read from."""

    startup: StartupPlan
    weights: WeightsPlan


def assumed_start(
    facts: ModelFacts,
    instance: InstanceType,
    *,
    bytes_total: int,
    gpus: int,
    engine: str,
    release: EngineRelease | None,
    streams: bool,
    method: str | None = None,
    eager: bool = False,
) -> AssumedStart:
    """The start on an empty pool of one type, as a plan has it where a bucket is declared and nothing shortens it.

    Args:
        facts: The model.
        instance: Where it runs.
        bytes_total: Bytes of the checkpoint.
        gpus: GPUs of one replica.
        engine: Kind of the engine.
        release: Its release; None is the newest.
        streams: Whether the engine's release reads object storage itself.
        method: How the weights are quantized while they load.
        eager: Whether compilation and CUDA graphs are off.
    """
    quantized = facts.quantization.method if facts.quantization is not None else method
    streams = streams and not has_own_loader(engine, quantized)
    weights = from_bucket(_ANY_BUCKET, facts.model_id, bytes_total, instance, streams=streams)
    startup = plan_startup(
        weights,
        layers=facts.num_layers,
        times=engine_times(engine, release, facts, capability=capability_of(instance), gpus=gpus),
        image_gib=number("cold_start", "image_gib"),
        eager=eager,
        image=ImageSource(parallel=instance.nvme_gb > 0),
    )
    return AssumedStart(startup=startup, weights=weights)
