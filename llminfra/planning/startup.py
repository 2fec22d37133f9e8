"""The cold start by phases, the startup-probe budget that follows, and what would make it faster."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llminfra.planning.facts import number, numbers
from llminfra.planning.load_choices import load_choices
from llminfra.planning.plan import BEFORE_THE_CONTAINER, LoadChoice, Phase, StartupPlan

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.planning.plan import LustrePlan, WeightsPlan

_FILE = "cold_start"


def plan_startup(
    weights: WeightsPlan,
    *,
    layers: int,
    gpus: int,
    image_gib: float,
    eager: bool,
    instance: InstanceType | None = None,
    lustre: tuple[LustrePlan, ...] = (),
) -> StartupPlan:
    """Estimate a cold start.

    Args:
        weights: Where the weights come from and how fast.
        layers: Decoder layers of the model.
        gpus: GPUs of one replica.
        image_gib: Size of the container image, GiB.
        eager: Whether compilation and CUDA graphs are off.
        instance: Where it runs; without it other places for the weights are not compared.
        lustre: File systems of the platform.
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
    in_pod = sum(phase.seconds for phase in phases if phase.name not in BEFORE_THE_CONTAINER)
    probe = numbers(_FILE)["probe"]
    budget = max(probe["floor_s"], math.ceil(in_pod * probe["factor"] / 60) * 60)
    choices = load_choices(weights, instance, lustre) if instance is not None else ()
    return StartupPlan(
        phases=tuple(phases), budget_s=int(budget), advice=_advice(weights, phases, choices), choices=choices
    )


def _advice(weights: WeightsPlan, phases: list[Phase], choices: tuple[LoadChoice, ...]) -> tuple[str, ...]:
    """What saves time, the largest saving first; small savings are left out."""
    seconds = {phase.name: phase.seconds for phase in phases}
    savings: list[tuple[float, str]] = []
    # Local disks help only when a node is used again, so they are no answer to a cold start.
    others = [choice for choice in choices if not choice.chosen and choice.kind != "nvme"]
    if others and (best := min(others, key=lambda choice: choice.seconds)).seconds < seconds["weights"]:
        text = (
            f"{best.what} loads the weights in {best.seconds:,.0f} s instead of {seconds['weights']:,.0f}: {best.needs}"
        )
        savings.append((seconds["weights"] - best.seconds, text))
    elif weights.kind == "hub" and not choices:
        savings.append(
            (seconds["weights"], "copy the model into a ModelBucket: S3 streaming is several times faster than the Hub")
        )
    savings.append(
        (
            seconds["node"] + seconds["image"],
            "a warm node (nodes minimum 1) saves the boot of an instance and the pull of the image",
        )
    )
    if "compile" in seconds:
        kept = seconds["compile"] * (1 - number(_FILE, "compile_cache_share"))
        savings.append((kept, "a compiler cache that outlives the pod saves most of torch.compile on the next start"))
    worth = number(_FILE, "worth_s")
    ranked = sorted((item for item in savings if item[0] >= worth), key=lambda item: -item[0])
    return tuple(f"{text} (saves about {saved:,.0f} s)" for saved, text in ranked[:2])
