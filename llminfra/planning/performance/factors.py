"""Achieved shares of peak and fixed times, from ``data/efficiency.json``; each with its source beside it."""

from __future__ import annotations

from functools import cache

from msgspec import Struct

from llminfra.catalog.datafile import read_json


class Factors(Struct, frozen=True, kw_only=True):
    """Shares of peak (0 to 1) and times in seconds; the data file says what each one is and where it comes from."""

    bandwidth_cache: float
    compute_16bit: float
    engine_share: float
    compute_dequantize: float
    nvlink_share: float
    pcie_share: float
    efa_share: float
    nvlink_latency_s: float
    pcie_latency_s: float
    efa_latency_s: float
    layer_rest_s: float
    layer_overhead_eager_s: float
    step_overhead_s: float
    request_step_overhead_s: float
    request_overhead_s: float
    prefill_layer_host_s: float
    prefill_moe_layer_host_s: float
    steps_ahead: float
    spread_ttft: float
    spread_tpot: float
    spread_throughput: float
    spread: float


@cache
def factors() -> Factors:
    """The packaged factors."""
    rows = read_json("llminfra.planning.performance", "efficiency.json")
    return Factors(**{name: float(rows[name]["value"]) for name in Factors.__struct_fields__})
