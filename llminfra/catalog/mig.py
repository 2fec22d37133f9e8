"""MIG profiles: the slices that NVIDIA's Multi-Instance GPU cuts a device into, and a slice as a device of its own."""

from functools import cache
from types import MappingProxyType

from llminfra.catalog.datafile import Fact, read_data
from llminfra.catalog.gpus import Gpu


class MigProfile(Fact):
    """One profile of one device.

    Attributes:
        name: As ``nvidia-smi`` spells it, for example ``3g.40gb``.
        count: Slices of this profile that one device holds.
        memory_gib: Memory of a slice.
        memory_source: Where the figure was read; says so when it is derived.
        memory_eighths: Share of the memory and its bandwidth, in eighths.
        compute_sevenths: Share of the streaming multiprocessors, in sevenths.
    """

    name: str
    count: int
    memory_gib: float
    memory_source: str
    memory_eighths: int
    compute_sevenths: int


@cache
def mig_profiles(device: str) -> MappingProxyType[str, MigProfile]:
    """Profiles of a device (a key of the GPU catalog) by name; empty where it has no MIG."""
    rows = read_data("mig_profiles.json")["devices"].get(device, {})
    return MappingProxyType({name: MigProfile(name=name, **row) for name, row in rows.items()})


def slice_name(device: str, profile: str) -> str:
    """Name of a slice that :func:`llminfra.catalog.gpus.find_gpu` knows."""
    return f"{device}-mig-{profile}"


def slice_of(gpu: Gpu, profile: MigProfile) -> Gpu:
    """A slice as a device: its share of memory, bandwidth and compute; no NVLink, for MIG has no peer access."""
    compute = profile.compute_sevenths / 7
    return gpu.model_copy(
        update={
            "name": slice_name(gpu.name, profile.name),
            "product": f"{gpu.product} MIG {profile.name}",
            "memory_gib": profile.memory_gib,
            "memory_source": profile.memory_source,
            "bandwidth_gbps": gpu.bandwidth_gbps * profile.memory_eighths / 8,
            "tflops": {dtype: value * compute for dtype, value in gpu.tflops.items()},
            "nvlink_gbps": 0,
            "aliases": (),
        }
    )
