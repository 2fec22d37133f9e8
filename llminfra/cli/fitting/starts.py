"""How long a replica takes to start on an instance type, where no spec says what from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from llminfra.catalog.models import ModelFacts
    from llminfra.cli.fitting.asked import Asked
    from llminfra.planning.memory import FitCase
    from llminfra.planning.selection import Option
    from llminfra.planning.start.assumed import AssumedStart

EMPTY_POOL = "an EKS pool without a node"
"""Where a cold start begins."""


def checkpoint_size(facts: ModelFacts, case: FitCase, config: Path | None, *, to_be_made: bool) -> int:
    """Bytes that are read from storage: of the checkpoint, or of the one that is yet to be quantized as asked."""
    from llminfra.planning.memory.estimate import estimate
    from llminfra.planning.served.endpoint_model import bytes_of

    if to_be_made:
        whole = {"tensor_parallel": 1, "pipeline_parallel": 1, "data_parallel": 1, "gpus_total": None}
        weights = estimate(facts, case.model_copy(update=whole)).weights_gib_per_gpu
        return int((weights or 0.0) * 2**30)
    return bytes_of(facts, config / "config.json" if config is not None and config.is_dir() else config)


def start_of(asked: Asked, option: Option) -> AssumedStart | None:
    """The start on an instance type that holds the model; ``None`` for one that does not."""
    from llminfra.catalog import instances
    from llminfra.planning.memory.doubts import release_of
    from llminfra.planning.memory.inputs.case import CATALOG_NAMES
    from llminfra.planning.served.engine_settings import reads_object_storage
    from llminfra.planning.start.assumed import assumed_start

    instance = instances.get(option.instance_type)
    if instance is None or option.parallelism is None:
        return None
    engine, release = CATALOG_NAMES[asked.case.engine], release_of(asked.case)
    return assumed_start(
        asked.facts,
        instance,
        bytes_total=asked.bytes_total,
        gpus=option.parallelism.gpus,
        engine=engine,
        release=release,
        streams=reads_object_storage(engine, release),
        method=asked.case.quantization,
        eager=bool(asked.case.enforce_eager),
    )


def how_read(start: AssumedStart) -> str:
    """How the weights come from their bucket."""
    return "streamed from S3" if start.weights.kind == "bucket" else "read from S3 by Mountpoint"


def read_from(start: AssumedStart) -> str:
    """What is taken for granted of a start."""
    gigabytes, rate = start.weights.bytes_total / 1e9, start.weights.read_mb_per_s
    return f"{EMPTY_POOL}, {gigabytes:,.1f} GB of weights {how_read(start)} at {rate:,.0f} MB/s"
