"""Dividing GPUs between pods. Whole GPUs are the default; anything else is declared, and names its tenants."""

from typing import Annotated, Literal

from pydantic import Field

from llminfra.spec.base.spec import Distinct, Name, Spec

LEAST_SLICES, MOST_SLICES = 2, 16


class Mig(Spec):
    """NVIDIA Multi-Instance GPU: partitions with their own memory and fault isolation."""

    kind: Literal["mig"] = "mig"
    profile: Annotated[str, Field(pattern=r"^[0-9]+g\.[0-9]+gb$")]
    """MIG profile of every GPU in the pool, for example ``3g.40gb``."""
    tenants: Annotated[Distinct[Name], Field(min_length=1)]
    """Who shares the pool."""


class TimeSlicing(Spec):
    """Several pods take turns on one GPU, with no memory isolation: for one tenant only."""

    kind: Literal["time-slicing"] = "time-slicing"
    replicas: Annotated[int, Field(ge=LEAST_SLICES, le=MOST_SLICES)]
    """Pods per GPU."""
    tenants: Annotated[Distinct[Name], Field(min_length=1)]
    """Who shares the pool; more than one is an error, because memory is not isolated."""


GpuSharing = Annotated[Mig | TimeSlicing, Field(discriminator="kind")]
"""Any way to divide a GPU."""
