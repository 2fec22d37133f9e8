"""Which device is meant where only the memory that the driver reports is known."""

from __future__ import annotations

from llminfra.catalog.gpus import Gpu, gpus

_TOLERANCE_GIB = 0.2
_FABRIC_GBPS = 300


def gpu_of_memory(total_gib: float) -> Gpu | None:
    """The device without a switched NVLink whose driver reports ``total_gib``; ``None`` where one with it may be meant.

    Drivers differ by some tenths. An A100 of 40 GB and cards of 80 GB and more are told apart by nothing in the total,
    and what NCCL takes on a switch is the safer guess for them.
    """
    near = [
        gpu for gpu in gpus().values() if not gpu.unified_memory and abs(gpu.memory_gib - total_gib) <= _TOLERANCE_GIB
    ]
    if not near or any(gpu.nvlink_gbps >= _FABRIC_GBPS for gpu in near):
        return None
    return min(near, key=lambda gpu: (abs(gpu.memory_gib - total_gib), gpu.name))
