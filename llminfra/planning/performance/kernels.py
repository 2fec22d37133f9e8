"""What kernels reach on a device, as published microbenchmarks measured them: ``data/kernels.json``.

A product of few tokens takes a fixed time and that of reading its weights; one of many tokens a share of the peak. Both
differ by device and by the type that is multiplied in, more than one share for all can tell.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any

from msgspec import Struct

from llminfra.catalog.datafile import read_json
from llminfra.catalog.gpus import Gpu

_MICRO = 1e-6

Times = tuple[tuple[float, float], ...]
"""Seconds of an all-reduce by its bytes, by rising bytes."""


class Kernel(Struct, frozen=True, kw_only=True):
    """One kind of product on one device.

    Attributes:
        compute: Share of the peak with many tokens.
        bandwidth: Share of the peak bandwidth at which weights are read for few tokens.
        fixed_s: Time of a product that reads next to nothing.
    """

    compute: float
    bandwidth: float
    fixed_s: float


def kernel(gpu: Gpu, kind: str, *, experts: bool) -> Kernel:
    """Products of this kind: ``wide``, ``8bit``, ``8bit_block``, ``4bit``, ``mxfp4`` or ``mxfp8_mxfp4``.

    What nobody measured on the device is the median of the others. MXFP4 widened to 16 bit is taken as 16 bit where it
    was not measured: other devices have other kernels for it.
    """
    part = "experts" if experts else "matrices"
    rows, default = _device(gpu).get(part, {}), _table()["default"][part]
    row = rows.get(kind) or (rows.get("wide") if kind == "mxfp4" else default.get(kind)) or default["wide"]
    return Kernel(compute=row["compute"], bandwidth=row["bandwidth"], fixed_s=row["fixed_us"] * _MICRO)


def attention_fixed_s(gpu: Gpu) -> float:
    """Decode attention of one layer over next to nothing."""
    found = _device(gpu).get("attention_fixed_us", _table()["default"]["attention_fixed_us"])
    return float(found) * _MICRO


def all_reduce_times(gpu: Gpu) -> dict[int, Times]:
    """Measured all-reduces over NVLink by ranks; empty where nobody published them for the device."""
    if not gpu.nvlink_gbps:
        return {}
    rows = _device(gpu).get("all_reduce_us", {})
    return {int(ranks): tuple((float(size), us * _MICRO) for size, us in row) for ranks, row in rows.items()}


def interpolated(times: Times, size: float) -> float:
    """The time at a size, on a straight line of logarithms between two sizes; beyond them that of the end."""
    if size <= times[0][0]:
        return times[0][1]
    if size >= times[-1][0]:
        return times[-1][1]
    (low, lower), (high, higher) = next(pair for pair in pairwise(times) if size <= pair[1][0])
    part = math.log(size / low) / math.log(high / low)
    return float(lower * (higher / lower) ** part)


def _device(gpu: Gpu) -> dict[str, Any]:
    table, name = _table(), gpu.name.partition("-mig-")[0]
    found: dict[str, Any] = table["devices"].get(table["stands_for"].get(name, name), {})
    return found


@cache
def _table() -> dict[str, Any]:
    return dict(read_json("llminfra.planning.performance", "kernels.json"))
