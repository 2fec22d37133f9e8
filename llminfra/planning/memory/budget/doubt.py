"""How far the estimate of the cache may be too high: the margin that measured starts ask for.

``data/estimate_doubt.json`` has the figures, and what they were taken from; ``python -m benchmarks.memory.doubt``
prints how many starts stay within them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from msgspec import Struct

from llminfra.catalog.datafile import read_json


@cache
def doubt_data() -> dict[str, Any]:
    """The parsed data file; callers must not change it."""
    return read_json("llminfra.planning.memory", "estimate_doubt.json")


def base_gib() -> float:
    """GiB by which any estimate may be wrong, whatever runs."""
    return float(doubt_data()["base_gib"])


class Doubt(Struct, frozen=True, kw_only=True):
    """What may be missing from the estimated cache of a GPU, in GiB.

    Attributes:
        step: Of the profiling run and of what is not PyTorch's.
        unread: Of weights whose quantization is known by a name alone.
        first: What only a first start may be short of.
    """

    step: float
    unread: float = 0.0
    first: float = 0.0

    @property
    def gib(self) -> float:
        """All of it."""
        return self.step + self.unread + self.first

    @property
    def why(self) -> str:
        """Parts that not every start has, such as ``, 1.16 of them on a first start alone``."""
        parts = []
        if self.unread:
            parts.append(f"{self.unread:.2f} of them because the layout of the quantized copy was not read")
        if self.first:
            parts.append(f"{self.first:.2f} of them on a first start alone")
        return "".join(f", {part}" for part in parts)


def doubt_of(activation_gib: float, *, unread_gib: float = 0.0, first_gib: float = 0.0) -> Doubt:
    """The margin of one rank.

    Args:
        activation_gib: Peak of the profiling run.
        unread_gib: Weights of a quantized copy whose own files were not read; 0 where they were.
        first_gib: What a first start may be short of besides.
    """
    data = doubt_data()
    return Doubt(
        step=base_gib() + float(data["of_activation_peak"]) * activation_gib,
        unread=float(data["of_weights_of_unread_copy"]) * unread_gib,
        first=first_gib,
    )
