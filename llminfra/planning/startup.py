"""The cold start by phases, and the startup-probe budget that follows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llminfra.planning.facts import number, numbers
from llminfra.planning.plan import Phase, StartupPlan

if TYPE_CHECKING:
    from llminfra.planning.plan import WeightsPlan

_FILE = "cold_start"


def plan_startup(weights: WeightsPlan, *, layers: int, gpus: int, image_gib: float, eager: bool) -> StartupPlan:
    """Estimate a cold start.

    Args:
        weights: Where the weights come from and how fast.
        layers: Decoder layers of the model.
        gpus: GPUs of one replica.
        image_gib: Size of the container image, GiB.
        eager: Whether compilation and CUDA graphs are off.
    """
    load_s = weights.bytes_total / 1e6 / weights.read_mb_per_s
    pull_s = image_gib * 2**30 / 1e6 / number(_FILE, "image_pull_mb_per_s") / number(_FILE, "parallel_pull_speedup")
    phases = [
        Phase(name="node", seconds=number(_FILE, "node_boot_s"), why="start of an instance, when the pool is empty"),
        Phase(name="image", seconds=pull_s, why=f"{image_gib:.0f} GiB image, parallel pull, first pod on a node"),
        Phase(name="process", seconds=number(_FILE, "process_start_s"), why="imports and workers"),
        Phase(
            name="weights",
            seconds=load_s,
            why=f"{weights.bytes_total / 1e9:,.0f} GB at {weights.read_mb_per_s:,.0f} MB/s ({weights.read_source})",
        ),
    ]
    if gpus > 1:
        phases.append(Phase(name="peers", seconds=number(_FILE, "p2p_check_s"), why="peer access check between GPUs"))
    if not eager:
        compile_s, capture_s = number(_FILE, "compile_s_per_layer"), number(_FILE, "graph_capture_s_per_layer")
        phases.append(Phase(name="compile", seconds=layers * compile_s, why=f"torch.compile of {layers} layers"))
        phases.append(Phase(name="graphs", seconds=layers * capture_s, why="CUDA graph capture"))
    in_pod = sum(phase.seconds for phase in phases if phase.name not in {"node", "image"})
    probe = numbers(_FILE)["probe"]
    budget = max(probe["floor_s"], math.ceil(in_pod * probe["factor"] / 60) * 60)
    return StartupPlan(phases=tuple(phases), budget_s=int(budget), advice=_advice(weights, phases))


def _advice(weights: WeightsPlan, phases: list[Phase]) -> tuple[str, ...]:
    slowest = max(phases, key=lambda phase: phase.seconds)
    if slowest.name == "weights" and weights.kind == "hub":
        return ("copy the model into a ModelBucket: S3 streaming is several times faster than the Hub",)
    if slowest.name == "weights" and weights.kind == "lustre":
        return ("raise throughput_mbps_per_tib or capacity_gib of the file system: its baseline is the bound",)
    if slowest.name == "image":
        return ("keep a warm node (nodes minimum 1) or a snapshot with the image: the pull is the longest phase",)
    return ()
