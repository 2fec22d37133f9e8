"""Ways to have the container image and the compiled kernels at a cold start, how long each takes, what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.planning.facts import number
from llminfra.planning.plan.startup import StartChoice

if TYPE_CHECKING:
    from llminfra.planning.start.engine_times import EngineTimes
    from llminfra.spec.compute.image_snapshot import ImageSnapshot

_FILE = "cold_start"
_MIB_PER_GIB = 1024


class ImageSource(Struct, frozen=True, kw_only=True):
    """How a node comes to the engine's image.

    Attributes:
        snapshot: Snapshot that the nodes' image volume is made of.
        held: Whether the engine's image is in it.
        parallel: Whether images are pulled and unpacked in parallel (nodeadm's ``FastImagePull``).
        warm: Whether the pool keeps nodes that no pod has asked for.
        node_usd_per_hour: Price of one more node, None where it is not known.
    """

    snapshot: ImageSnapshot | None = None
    held: bool = False
    parallel: bool = True
    warm: bool = False
    node_usd_per_hour: float | None = None


def image_choices(image_gib: float, source: ImageSource) -> tuple[StartChoice, ...]:
    """Every way to have the image on a new node, fastest first; the planned one is marked."""
    pull, speedup = number(_FILE, "image_pull_mb_per_s"), number(_FILE, "parallel_pull_speedup")
    pull_s = image_gib * 2**30 / 1e6 / pull
    snapshot = source.snapshot
    restored = source.held and snapshot is not None and snapshot.fast_restore
    rate = snapshot.initialization_mib_per_s if snapshot else 300
    found = [
        StartChoice(
            what="snapshot with fast restore",
            seconds=number(_FILE, "snapshot_ready_s"),
            needs="GpuPool(image_snapshot=ImageSnapshot(…, fast_restore=True))",
            why="as measured: the volume is there at once, whatever the image's size",
            chosen=restored,
        ),
        StartChoice(
            what=f"snapshot, filled at {rate} MiB/s",
            seconds=image_gib * _MIB_PER_GIB / rate,
            needs="GpuPool(image_snapshot=ImageSnapshot(…))",
            why=f"{image_gib:.0f} GiB at the {rate} MiB/s that the volume is filled at",
            chosen=source.held and not restored,
        ),
        StartChoice(
            what="parallel pull",
            seconds=pull_s / speedup,
            needs="a pool whose types all have local NVMe",
            why=f"{image_gib:.0f} GiB at {pull:,.0f} MB/s as measured, {speedup:g} times as fast in parallel (assumed)",
            chosen=source.parallel and not source.held,
        ),
    ]
    if not source.parallel and not source.held:
        found.append(
            StartChoice(
                what="pull",
                seconds=pull_s,
                needs="nothing",
                why=f"{image_gib:.0f} GiB at {pull:,.0f} MB/s as measured",
                chosen=True,
            )
        )
    return tuple(sorted(found, key=lambda choice: choice.seconds))


def kernel_choices(layers: int, times: EngineTimes, *, cached: bool, cacheable: bool) -> tuple[StartChoice, ...]:
    """Compilation and warm-up in each pod, and with what an earlier pod left where the engine can take it."""
    warmup = times.warmup
    each = StartChoice(
        what="compiled by each pod",
        seconds=layers * times.compile_a_layer + (warmup.seconds if warmup is not None else 0.0),
        needs="nothing",
        why=_kernels_why(layers, times.compile_a_layer, warmup.seconds if warmup is not None else 0.0),
        chosen=not cached,
    )
    if not cacheable:
        return (each,)
    kept = StartChoice(
        what="kept in a bucket",
        seconds=layers * times.kept_a_layer + (warmup.kept if warmup is not None else 0.0),
        needs="Endpoint(compile_cache=…), and one pod that has started before",
        why=_kernels_why(layers, times.kept_a_layer, warmup.kept if warmup is not None else 0.0),
        chosen=cached,
    )
    return (kept, each)


def _kernels_why(layers: int, a_layer: float, warmup_s: float) -> str:
    more = f", and {warmup_s:,.0f} s of warm-up" if warmup_s else ""
    return f"{layers} layers at {a_layer:g} s{more}"


def chosen(choices: tuple[StartChoice, ...]) -> StartChoice:
    """The planned one."""
    return next(choice for choice in choices if choice.chosen)
