"""GPU devices: memory as the driver reports it, bandwidth, compute by dtype, links, compute capability."""

import re
from functools import cache
from types import MappingProxyType

from llminfra.catalog.datafile import Fact, read_data


class Gpu(Fact):
    """One device.

    Attributes:
        name: Catalog key, for example ``h100-80gb``.
        product: NVIDIA's product name.
        memory_gib: Total that ``torch.cuda.mem_get_info`` reports; drivers differ by some tenths.
        memory_source: Where the figure was read; says so when it is derived.
        bandwidth_gbps: Memory bandwidth in 10^9 bytes per second.
        tflops: Dense tensor throughput in 10^12 operations per second by dtype (no sparsity).
        nvlink_gbps: Bidirectional NVLink bandwidth of one GPU in 10^9 bytes per second, 0 without.
        pcie_gbps: Host link bandwidth, one direction, 10^9 bytes per second.
        multiprocessors: Streaming multiprocessors.
        compute_capability: For example ``9.0``.
        unified_memory: Shares its memory with the CPU; start-up figures do not apply.
        peer_access: GPUs of one machine reach each other's memory, by NVLink or over PCIe; false where threads say that
            they do not on the instances that have the device.
        peer_source: Where that was read.
        spec_source: Where bandwidth and throughput were read.
        aliases: Other names, lower case.
    """

    name: str
    product: str
    memory_gib: float
    memory_source: str
    bandwidth_gbps: float
    tflops: dict[str, float]
    nvlink_gbps: float = 0
    pcie_gbps: float = 0
    multiprocessors: int
    compute_capability: str
    unified_memory: bool = False
    peer_access: bool = True
    peer_source: str = ""
    spec_source: str
    aliases: tuple[str, ...] = ()

    @property
    def capability(self) -> int:
        """Compute capability times ten, for example 90."""
        major, _, minor = self.compute_capability.partition(".")
        return int(major) * 10 + int(minor or 0)

    def supports(self, dtype: str) -> bool:
        """Whether the tensor cores have ``dtype`` (``bf16``, ``fp8``, ``fp4``, ``int8``)."""
        return self.tflops.get(dtype, 0) > 0


@cache
def gpus() -> MappingProxyType[str, Gpu]:
    """Every device by catalog key."""
    rows = read_data("gpus.json")["gpus"]
    return MappingProxyType({name: Gpu(name=name, **row) for name, row in rows.items()})


def find_gpu(text: str) -> Gpu | None:
    """The device that ``text`` names: a key, an alias, an EC2 name, a product string, or one with a MIG profile."""
    wanted = _normal(text)
    if not wanted:
        return None
    whole, of, profile = wanted.partition("-mig-")
    if of:
        return _slice(whole, profile)
    table = gpus()
    if wanted in table:
        return table[wanted]
    for gpu in table.values():
        if wanted in gpu.aliases:
            return gpu
    if (joined := _by_joined_name(wanted)) is not None:
        return joined
    candidates = [
        (len(name), gpu) for gpu in table.values() for name in (gpu.name, *gpu.aliases) if _is_part(name, wanted)
    ]
    if not candidates:
        return None
    length, best = max(candidates, key=lambda item: item[0])
    stated = _stated_gb(wanted)
    if stated is not None and not _same_size(best.memory_gib, stated):
        return None
    return best if length else None


# Words of product strings beside the name and the size of a device.
_BESIDE_NAME = re.compile(r"^(sxm\d?|pcie|hbm\d?e?|gddr\d[a-z]?|gpu|graphics|card|edition|\d{4}mib)$")
# What may follow the name: nothing, a word of its own, or a word that is often written on to it. An L40X is no L40.
_ANOTHER_WORD = re.compile(r"$|-|(sxm\d?|pcie|hbm\d?e?|x\d+|\d+gb?)(-|$)")
# What makes another device of the name before it: an RTX 3080 Ti is no RTX 3080.
_OTHER_DEVICE = re.compile(r"^-?(ti|super|laptop|mobile|max-q)(?![a-z])")


def _by_joined_name(wanted: str) -> Gpu | None:
    """The device whose name is written without spaces or with words of its product string: ``rtx4090``."""
    words = wanted.split("-")
    plain = "".join(word for word in words if not _BESIDE_NAME.match(word))
    by_name = _joined_names()
    return by_name.get("".join(words)) or by_name.get(plain)


@cache
def _joined_names() -> dict[str, Gpu]:
    named = {name.replace("-", ""): gpu for gpu in gpus().values() for name in gpu.aliases}
    return named | {name.replace("-", ""): gpu for name, gpu in gpus().items()}


def _is_part(name: str, wanted: str) -> bool:
    """Whether ``wanted`` is ``name`` with more words around it that make no other device of it."""
    at = 0 if wanted.startswith(name) else f"-{wanted}".find(f"-{name}")
    rest = wanted[at + len(name) :] if at >= 0 else ""
    return at >= 0 and _ANOTHER_WORD.match(rest) is not None and not _OTHER_DEVICE.match(rest)


_SIZED = re.compile(r"^([a-z][a-z0-9. -]*?)[ -](\d{1,3}) ?gb(?![a-z-])")
_OTHER_MAKERS = re.compile(
    r"\b(mi\d{2,3}[a-z]?|amd|radeon|instinct|gaudi\d?|intel|arc|strix|tpu|apple|m\d|orin|thor)\b"
)
_DRIVER_SHARE = 0.965


def is_of_other_maker(text: str) -> bool:
    """Whether ``text`` names an accelerator that is not NVIDIA's, for which there are no figures here."""
    return _OTHER_MAKERS.search(text.strip().lower()) is not None


ASSUMED_MULTIPROCESSORS = 132
"""Those of an H100, for devices of which only the size is known."""


def gpu_of_stated_size(text: str) -> Gpu | None:
    """A device that the catalog lacks, from the size in its name; ``None`` without one, or of another maker.

    Drivers report 96 to 99 % of the nominal size: 11.5 to 11.75 GiB of 12, 15.46 to 15.7 of 16, 23.5 to 23.7 of 24
    (total capacity in PyTorch out-of-memory messages). The lower end is taken.
    """
    lowered = text.strip().lower()
    found = _SIZED.match(lowered)
    if found is None or "unified" in lowered or _OTHER_MAKERS.search(lowered):
        return None
    size = int(found.group(2))
    return Gpu(
        name=_normal(text),
        product=text.strip(),
        memory_gib=round(size * _DRIVER_SHARE, 2),
        memory_source=f"not in the catalog: {_DRIVER_SHARE:.1%} of the {size} GiB in its name",
        bandwidth_gbps=0,
        tflops={},
        multiprocessors=ASSUMED_MULTIPROCESSORS,
        compute_capability="8.0",
        spec_source="not known; an Ampere device is assumed",
    )


def _slice(whole: str, profile: str) -> Gpu | None:
    from llminfra.catalog.mig import mig_profiles, slice_of  # noqa: PLC0415  # it builds on this module

    gpu = find_gpu(whole)
    found = mig_profiles(gpu.name).get(profile) if gpu else None
    return slice_of(gpu, found) if gpu and found else None


def _normal(text: str) -> str:
    lowered = text.lower().replace("nvidia", " ").replace("geforce", " ").replace("tesla", " ")
    return re.sub(r"-+", "-", re.sub(r"[^a-z0-9.]+", "-", lowered)).strip("-")


def _stated_gb(text: str) -> int | None:
    found = re.search(r"(?<![0-9])(\d{2,3})-?gb?(?![a-z])", text)
    return int(found.group(1)) if found else None


def _same_size(memory_gib: float, stated_gb: int) -> bool:
    return stated_gb * 0.88 <= memory_gib <= stated_gb * 1.03
