"""The cold start by phases, the startup-probe budget that follows, and what would make it faster."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from llminfra.loading.wording.told import text_as_declared
from llminfra.planning.facts import number, numbers
from llminfra.planning.plan.startup import BEFORE_THE_CONTAINER, LoadChoice, Phase, StartChoice, StartupPlan
from llminfra.planning.start.load_choices import OF_PODS, load_choices
from llminfra.planning.start.start_choices import ImageSource, chosen, image_choices, kernel_choices

if TYPE_CHECKING:
    from llminfra.catalog.instances import InstanceType
    from llminfra.planning.plan.infrastructure import LustrePlan
    from llminfra.planning.plan.serving import WeightsPlan
    from llminfra.planning.start.engine_times import EngineTimes, WarmUp
    from llminfra.spec.platform import Platform

_FILE = "cold_start"
_MOST_ADVICE = 3
# No advice: what no declaration asks for, and what only a node that has loaded the model before can do.
_NO_ADVICE = frozenset({"ebs", "nvme-warm"})


def plan_startup(
    weights: WeightsPlan,
    *,
    layers: int,
    times: EngineTimes,
    image_gib: float,
    eager: bool,
    instance: InstanceType | None = None,
    lustre: tuple[LustrePlan, ...] = (),
    image: ImageSource | None = None,
    streams: bool = False,
    kernels_cached: bool = False,
    kernels_cacheable: bool = False,
    later_gib: float = 0.0,
) -> StartupPlan:
    """Estimate a cold start.

    Args:
        weights: Where the weights come from and how fast.
        layers: Decoder layers of the model.
        times: How long the engine takes beside its weights.
        image_gib: Size of the container image, GiB.
        eager: Whether compilation and CUDA graphs are off.
        instance: Where it runs; without it other places for the weights are not compared.
        lustre: File systems of the platform.
        image: How nodes of a cluster come to the image; ``None`` outside of one: by a parallel pull.
        streams: Whether the engine reads files by the streaming loader.
        kernels_cached: Whether compiled kernels of an earlier pod are taken over.
        kernels_cacheable: Whether they could be.
        later_gib: What a start that takes them over has more of for its cache, GiB.
    """
    load_s = weights.bytes_total / 1e6 / weights.read_mb_per_s
    images = image_choices(image_gib, image or ImageSource())
    compiles = not eager and times.compiles is not None
    kernels = kernel_choices(layers, times, cached=kernels_cached, cacheable=kernels_cacheable) if compiles else ()
    phases = [
        Phase(name="node", seconds=number(_FILE, "node_boot_s"), why="start of an instance, when the pool is empty"),
        Phase(
            name="image",
            seconds=chosen(images).seconds,
            why=f"{chosen(images).what}, first pod on a node: {chosen(images).why}",
        ),
        *_copy(weights),
        Phase(name="process", seconds=number(_FILE, "process_start_s"), why="imports and workers"),
        Phase(
            name="weights",
            seconds=load_s,
            why=f"{weights.bytes_total / 1e9:,.0f} GB at {weights.read_mb_per_s:,.0f} MB/s ({weights.read_source})",
        ),
    ]
    if times.peers:
        phases.append(Phase(name="peers", seconds=times.peers, why="peer access check between GPUs"))
    if kernels:
        a_layer = times.kept_a_layer if kernels_cached else times.compile_a_layer
        why = f"{times.compiles}, {chosen(kernels).what}: {layers} layers at {a_layer:g} s"
        phases.append(Phase(name="compile", seconds=layers * a_layer, why=why))
    if times.warmup is not None:
        phases.append(_warm_up(times.warmup, kept=bool(kernels) and kernels_cached))
    if times.graphs_a_layer and not eager:
        why = f"CUDA graph capture: {layers} layers at {times.graphs_a_layer:g} s"
        phases.append(Phase(name="graphs", seconds=layers * times.graphs_a_layer, why=why))
    in_pod = sum(phase.seconds for phase in phases if phase.name not in BEFORE_THE_CONTAINER | {"warmup"})
    # The first pod of a cache finds no kernels, and must be allowed to compile and try them.
    compiling_s = layers * (times.compile_a_layer - times.kept_a_layer) if kernels and kernels_cached else 0.0
    budget, budget_why = _budget(in_pod, compiling_s, times.warmup)
    pods = image is not None
    choices = load_choices(weights, instance, lustre, streams=streams, pods=pods) if instance is not None else ()
    return StartupPlan(
        phases=tuple(phases),
        budget_s=budget,
        budget_why=budget_why,
        advice=_advice(weights, phases, choices, image, images if pods else (), kernels, later_gib),
        choices=choices,
        images=images if pods else (),
        kernels=kernels,
    )


def start_as_declared(startup: StartupPlan, platform: Platform, path: str) -> StartupPlan:
    """The start with what would shorten it in the words of the platform's file; ``path`` is the endpoint's."""
    loads = tuple(replace(each, needs=text_as_declared(platform, each.needs, path)) for each in startup.choices)
    images, kernels = (
        tuple(replace(each, needs=text_as_declared(platform, each.needs, path)) for each in choices)
        for choices in (startup.images, startup.kernels)
    )
    advice = tuple(text_as_declared(platform, text, path) for text in startup.advice)
    return replace(startup, choices=loads, images=images, kernels=kernels, advice=advice)


def patience_s(usual_s: float, warmup: WarmUp | None) -> float:
    """Seconds that a probe allows for a start that takes ``usual_s`` beside its warm-up."""
    factor = numbers(_FILE)["probe"]["factor"]
    usual_s += warmup.seconds if warmup is not None and not _differs(warmup) else 0.0
    return float(factor * usual_s + (warmup.longest if warmup is not None and _differs(warmup) else 0.0))


def _differs(warmup: WarmUp) -> bool:
    """Whether kernels were compiled and tried for longer than the factor allows: then the longest counts instead."""
    return bool(warmup.longest > numbers(_FILE)["probe"]["factor"] * warmup.seconds)


def _warm_up(warmup: WarmUp, *, kept: bool) -> Phase:
    saved = f"; {warmup.seconds:,.0f} s where nothing is kept" if kept and warmup.kept < warmup.seconds else ""
    return Phase(name="warmup", seconds=warmup.kept if kept else warmup.seconds, why=f"{warmup.what}{saved}")


def _budget(beside_s: float, compiling_s: float, warmup: WarmUp | None) -> tuple[int, str]:
    """Seconds that a startup probe allows a container, and how they follow.

    Args:
        beside_s: What its start takes beside the warm-up.
        compiling_s: What the first pod of a cache compiles beyond that.
        warmup: That of a first start.
    """
    probe = numbers(_FILE)["probe"]
    in_pod_s = beside_s + (warmup.seconds if warmup is not None else 0.0)
    wanted = math.ceil(patience_s(beside_s + compiling_s, warmup) / 60) * 60
    apart = warmup if warmup is not None and _differs(warmup) else None
    kernels = f" and the {compiling_s:,.0f} s of compilation that the first pod cannot save" if compiling_s else ""
    longest = f", and {apart.longest:,.0f} s for the longest warm-up that was measured" if apart else ""
    why = (
        f"{probe['factor']:g} times the {beside_s if apart else in_pod_s:,.0f} s from the start of the container"
        f"{kernels}{longest}, in whole minutes ({wanted:,.0f} s), and at least {probe['floor_s']:,.0f} s"
    )
    return int(max(probe["floor_s"], wanted)), why


def start_of_a_job(startup: StartupPlan, weights: WeightsPlan) -> StartupPlan:
    """The same start where no pool is declared: of places, images and kernels nothing can be chosen but the bucket."""
    choices = tuple(
        choice for choice in startup.choices if choice.chosen or choice.kind == "bucket" or choice.kind not in OF_PODS
    )
    kernels = tuple(choice for choice in startup.kernels if choice.chosen)
    return replace(
        startup,
        choices=choices,
        images=(),
        kernels=kernels,
        advice=_advice(weights, list(startup.phases), choices, None, (), kernels, 0.0),
    )


def _copy(weights: WeightsPlan) -> tuple[Phase, ...]:
    if weights.copy_mb_per_s is None:
        return ()
    rate = f"{weights.copy_mb_per_s:,.0f} MB/s ({weights.copy_source})"
    why = f"{weights.bytes_total / 1e9:,.0f} GB from S3 at {rate}, first pod on a node"
    return (Phase(name="copy", seconds=weights.bytes_total / 1e6 / weights.copy_mb_per_s, why=why),)


def _better_place(weights: WeightsPlan, choices: tuple[LoadChoice, ...], loading: float) -> LoadChoice | None:
    """The cheapest place that saves most of what the fastest would save; ``None`` where the planned one is best."""
    left_out = _NO_ADVICE | ({"bucket"} if weights.kind == "mountpoint" else set())
    others = [item for item in choices if not item.chosen and item.kind not in left_out and item.seconds < loading]
    if not others:
        return None
    enough = number(_FILE, "most_of_gain") * max(loading - item.seconds for item in others)
    good = [item for item in others if loading - item.seconds >= enough]
    return min(good, key=lambda item: (_costs_extra(item), item.seconds))


def _costs_extra(choice: LoadChoice) -> bool:
    """Whether it is a file system that is not there yet: paid by the month, whatever reads from it."""
    return choice.kind == "lustre" and "capacity_gib" in choice.needs


class _Saving(NamedTuple):
    """What would save seconds of a start, and leave GiB for the cache."""

    seconds: float
    text: str
    gib: float = 0.0


def _advice(
    weights: WeightsPlan,
    phases: list[Phase],
    choices: tuple[LoadChoice, ...],
    image: ImageSource | None,
    images: tuple[StartChoice, ...],
    kernels: tuple[StartChoice, ...],
    later_gib: float,
) -> tuple[str, ...]:
    """What saves time, the largest saving first; small savings are left out."""
    seconds = {phase.name: phase.seconds for phase in phases}
    loading = seconds["weights"] + seconds.get("copy", 0)
    savings: list[_Saving] = []
    better = _better_place(weights, choices, loading)
    if better is not None:
        text = f"{better.what} loads the weights in {better.seconds:,.0f} s instead of {loading:,.0f}: {better.needs}"
        savings.append(_Saving(loading - better.seconds, text))
    elif weights.kind == "hub" and not choices:
        savings.append(
            _Saving(loading, "copy the model into a ModelBucket: S3 streaming is several times faster than the Hub")
        )
    if image is not None and not image.warm:
        text = (
            "a node to spare (provisioner='managed', and a minimum of one node more than the replicas hold) saves the "
            "boot of an instance and the pull of the image"
        )
        if image.node_usd_per_hour is not None:
            text += f" for ${image.node_usd_per_hour:,.2f}/h"
        savings.append(_Saving(seconds["node"] + seconds["image"], text))
    if images:
        # Fast restore is billed by the hour whether nodes start or not: the plain snapshot is the advice.
        preloaded = next(choice for choice in images if choice.what.startswith("snapshot, "))
        saved = seconds["image"] - preloaded.seconds
        savings.append(_Saving(saved, f"an image snapshot saves the pull on new nodes: {preloaded.needs}"))
    if len(kernels) > 1 and not kernels[0].chosen:
        saved = kernels[1].seconds - kernels[0].seconds
        more = f" and leave {later_gib:.1f} GiB more for the cache" if later_gib else ""
        text = f"kernels that an earlier pod compiled save most of torch.compile{more}: {kernels[0].needs}"
        savings.append(_Saving(saved, text, later_gib))
    worth = number(_FILE, "worth_s")
    ranked = sorted((item for item in savings if item.seconds >= worth), key=lambda item: -item.seconds)
    # What gives memory, too, comes first and beside those that save time alone.
    told = [item for item in ranked if item.gib] + [item for item in ranked if not item.gib][:_MOST_ADVICE]
    return tuple(f"{item.text} (saves about {item.seconds:,.0f} s)" for item in told)
