"""Time that GPUs spend talking: all-reduce of tensor parallelism, hand-over of pipeline stages, dispatch of experts."""

from __future__ import annotations

from msgspec import Struct

from llminfra.catalog.gpus import Gpu
from llminfra.planning.performance.factors import Factors
from llminfra.planning.performance.kernels import Times, all_reduce_times, interpolated

_ALL_REDUCES_PER_LAYER = 2  # after attention and after the feed-forward part
_ACTIVATION_BYTES = 2
_GIGA = 1e9


class Link(Struct, frozen=True, kw_only=True):
    """What connects ranks.

    Attributes:
        name: ``NVLink``, ``PCIe`` or ``EFA``.
        bytes_per_s: What one rank sends per second while all do.
        latency_s: Time of a message that carries next to nothing.
        measured: All-reduces as published for the device, by ranks: bytes and seconds.
    """

    name: str
    bytes_per_s: float
    latency_s: float
    measured: tuple[tuple[int, Times], ...] = ()


def inside_node(gpu: Gpu, factors: Factors) -> Link:
    """NVLink where the device has it, else PCIe through host memory."""
    if gpu.nvlink_gbps:
        return Link(
            name="NVLink",
            bytes_per_s=gpu.nvlink_gbps / 2 * _GIGA * factors.nvlink_share,
            latency_s=factors.nvlink_latency_s,
            measured=tuple(sorted(all_reduce_times(gpu).items())),
        )
    return Link(
        name="PCIe",
        bytes_per_s=max(gpu.pcie_gbps, 1.0) * _GIGA * factors.pcie_share,
        latency_s=factors.pcie_latency_s,
    )


def between_nodes(network_gbps: float, gpus_per_node: int, factors: Factors) -> Link:
    """EFA, shared by the GPUs of a node; ``network_gbps`` is the node's bandwidth in gigabits per second."""
    share = max(network_gbps, 1.0) / 8 * _GIGA / max(gpus_per_node, 1)
    return Link(name="EFA", bytes_per_s=share * factors.efa_share, latency_s=factors.efa_latency_s)


def all_reduce_s(link: Link, ranks: int, amount: float) -> float:
    """One all-reduce of ``amount`` bytes: as measured between the ranks, beyond that a ring, 2 (n - 1) / n of it."""
    if ranks <= 1:
        return 0.0
    for measured, times in link.measured:
        if measured == ranks:
            beyond = max(0.0, amount - times[-1][0])
            return interpolated(times, amount) + 2 * (ranks - 1) / ranks * beyond / link.bytes_per_s
    return link.latency_s + 2 * (ranks - 1) / ranks * amount / link.bytes_per_s


def tensor_parallel_s(link: Link, ranks: int, *, layers: int, hidden: int, tokens: float) -> float:
    """All-reduces of one forward pass of ``tokens`` tokens through ``layers`` layers."""
    each = all_reduce_s(link, ranks, tokens * hidden * _ACTIVATION_BYTES)
    return _ALL_REDUCES_PER_LAYER * layers * each


def dispatch_s(link: Link, ranks: int, *, moe_layers: int, hidden: int, tokens: float, top_k: int) -> float:
    """Sending tokens to the ranks of their experts and back, under expert parallelism with data-parallel attention."""
    if ranks <= 1 or not moe_layers:
        return 0.0
    copies = min(top_k, ranks - 1)
    amount = tokens / ranks * hidden * _ACTIVATION_BYTES * copies
    return 2 * moe_layers * (link.latency_s + amount / link.bytes_per_s)


def hand_over_s(link: Link, stages: int, *, hidden: int, tokens: float) -> float:
    """Sending activations from stage to stage."""
    if stages <= 1:
        return 0.0
    return (stages - 1) * (link.latency_s + tokens * hidden * _ACTIVATION_BYTES / link.bytes_per_s)
