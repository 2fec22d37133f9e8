"""Served models: memory of a GPU, cold start, speed, and where callers find them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.cli.page.html import Element, el
from llminfra.cli.page.pieces import Part, bar, code, facts, key, section, table
from llminfra.cli.terminal.memory_bar import at_least, held_by_copies, is_cacheless
from llminfra.cli.terminal.words import count, dot, duration, money, zones

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.cli.page.served import Served
    from llminfra.planning.memory import FitResult
    from llminfra.planning.performance import PerformanceEstimate
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.startup import StartupPlan

# The colour of a phase: weights and graphs have that of the same thing in memory.
_PHASES = {"node": "slate", "image": "teal", "copy": "teal", "process": "rose",
           "weights": "weights", "peers": "activations", "compile": "cache",
           "warmup": "activations", "graphs": "graphs"}  # fmt: skip
_STORAGE = {
    "hub": "the Hub",
    "bucket": "S3, streamed",
    "lustre": "FSx for Lustre",
    "ebs": "EBS volume from a snapshot",
    "nvme": "NVMe, first pod of a node",
    "nvme-warm": "NVMe, later pods",
    "mountpoint": "S3, as files by Mountpoint",
    "copied": "a copy on the instance's disk",
}


def models_section(plan: Plan, models: Sequence[Served], anchor: str) -> Element | None:
    """A card for each model that the platform serves."""
    if not models:
        return None
    longest = max(_window(item.plan.startup) for item in models)
    cards = [_card(item, plan, anchor, longest) for item in models]
    return section(f"{anchor}-models", "Models", cards)


def _card(item: Served, plan: Plan, anchor: str, longest: float) -> Element:
    served, fit = item.plan, item.plan.fit
    parallel = served.parallelism
    spread = [f"TP {parallel.tensor}"]
    spread += [f"{name} {size}" for name, size in (("PP", parallel.pipeline), ("DP", parallel.data)) if size > 1]
    spread += ["experts spread"] if parallel.expert else []
    unit = "an instance" if item.place.startswith(("EC2", "SageMaker", "AWS")) else "a replica"
    head = el(
        "header",
        el("h3", item.name),
        el("p", el("b", served.model_id), f" · {dot(served.engine + ' ' + served.engine_version, item.place)}"),
        el("p", money(item.usd_per_hour, "no price known", f" an hour {unit}"), class_="price"),
    )
    rows = facts(
        [
            ("Machine", dot(item.machine, zones(item.zones, plan.platform.region))),
            ("Scale", item.scale),
            ("Spread", f"{' × '.join(spread)}: {served.parallelism_why}"),
            ("Revision", code(served.revision) if served.revision else "not pinned"),
            ("Weights", f"{served.weights.bytes_total / 1e9:,.0f} GB, {served.weights.read_source}"),
            ("Adapters", ", ".join(each.name for each in served.adapters)),
            ("Address", code(item.address) if item.address else None),
            ("Contract", code(item.parameter) if item.parameter else None),
        ]
    )
    return el(
        "article",
        head,
        rows,
        el("h4", "Memory of a GPU"),
        _memory(fit),
        el("h4", "Speed, estimated"),
        _speed(item),
        el("h4", "Cold start"),
        _startup(served.startup, longest),
        _choices(served.startup),
        _other_choices(served.startup),
        _notes("What would help", served.startup.advice),
        _notes("Other spreads", served.candidates),
        id=f"{anchor}-model-{item.name}",
        class_="card",
    )


def memory_parts(fit: FitResult) -> tuple[Part, ...]:
    """One GPU's memory in GiB, part by part; empty where the device or the weights are not known."""
    total, weights = fit.total_gpu_gib, fit.weights_gib_per_gpu
    if not total or weights is None:
        return ()
    sizes = [
        ("weights", weights, "weights"),
        ("KV cache", max(0.0, fit.kv_cache_memory_gib or 0.0), "cache"),
        ("activations", fit.activation_peak_gib or 0.0, "activations"),
        ("CUDA graphs", fit.cuda_graph_gib or 0.0, "graphs"),
        ("CUDA and NCCL", fit.non_torch_gib or 0.0, "other"),
    ]
    sizes += [(name, gib, "other") for name, gib in (("adapters", fit.adapters_gib), ("draft", fit.draft_gib)) if gib]
    free = total - sum(size for _, size, _ in sizes)
    sizes.append(("free", max(0.0, free), "free"))
    return tuple(Part(name=name, size=size, text=f"{size:.1f} GiB", class_=kind) for name, size, kind in sizes)


def _memory(fit: FitResult) -> list[Element]:
    parts = memory_parts(fit)
    if not parts:
        return [el("p", fit.reason or "not known")]
    total = fit.total_gpu_gib or 0.0
    marks = []
    if fit.budget_gib:
        share = f"{fit.gpu_memory_utilization:.0%} of the GPU" if fit.gpu_memory_utilization else ""
        marks = [Part(name="budget", size=fit.budget_gib, text=f"{fit.budget_gib:.1f} GiB, {share}", class_="budget")]
    words = ", ".join(f"{part.name} {part.text}" for part in parts)
    lines = [bar(parts, f"{total:.1f} GiB: {words}", total=total, marks=marks), key(parts)]
    if is_cacheless(fit):
        lines.append(el("p", f"The engine {fit.reason.partition(': ')[2]}."))
    if fit.kv_cache_tokens is not None and fit.max_model_len:
        lines.append(
            el(
                "p",
                "Of ",
                el("b", f"{total:.1f} GiB"),
                " a GPU. The cache holds ",
                el("b", f"{fit.kv_cache_tokens:,} tokens"),
                f"{at_least(fit)}, {fit.max_concurrency or 0:.1f} requests of {fit.max_model_len:,} tokens at once",
                f"{held_by_copies(fit)}.",
                f" The engine may take {fit.budget_gib:.1f} GiB (the line)." if fit.budget_gib else None,
            )
        )
    return lines


def _speed(item: Served) -> Element:
    speed = item.plan.performance
    if speed is None:
        return el("p", "No estimate for this engine or GPU.", class_="quiet")
    if speed.whole:
        return _whole(item, speed)
    figures = [
        (f"{speed.ttft_ms:,.0f} ms", f"to the first token, {speed.load.words}"),
        (f"{speed.tpot_ms:,.1f} ms", "for each further token"),
        (f"{speed.output_tokens_per_s:,.0f} /s", f"tokens of a replica with {speed.running:g} running"),
    ]
    if item.plan.usd_per_million_tokens is not None:
        callers = f" with {count(speed.full.load.concurrency, 'caller')}" if speed.full else ""
        words = f"for a million output tokens when full{callers}"
        figures.append((money(item.plan.usd_per_million_tokens, ""), words))
    return el("div", (el("p", el("b", value), el("span", what)) for value, what in figures), class_="figures")


def _whole(item: Served, speed: PerformanceEstimate) -> Element:
    """Time to an answer and rate of inputs, for what writes no text."""
    figures = [
        (f"{speed.ttft_ms:,.0f} ms", f"to the answer, {speed.load.words}"),
        (f"{speed.requests_per_s:,.0f} /s", f"inputs of a replica with {speed.running:g} running"),
    ]
    if speed.full is not None:
        callers = count(speed.full.load.concurrency, "caller")
        figures.append((f"{speed.full.input_tokens_per_s:,.0f} /s", f"input tokens when full with {callers}"))
    if item.plan.usd_per_million_tokens is not None:
        figures.append((money(item.plan.usd_per_million_tokens, ""), "for a million input tokens when full"))
    return el("div", (el("p", el("b", value), el("span", what)) for value, what in figures), class_="figures")


def _window(startup: StartupPlan) -> float:
    """Seconds until the last of both: the estimate, and what the startup probe allows."""
    return max(startup.estimate_s, _limit(startup))


def _limit(startup: StartupPlan) -> float:
    """Seconds from the start of an instance until the probe gives up."""
    return startup.estimate_s - startup.container_s + startup.budget_s


def _startup(startup: StartupPlan, longest: float) -> list[Element]:
    parts = [
        Part(name=phase.name, size=phase.seconds, text=duration(phase.seconds), class_=_PHASES.get(phase.name, "slate"))
        for phase in startup.phases
    ]
    limit = Part(name="limit", size=_limit(startup), text=duration(startup.budget_s), class_="budget")
    words = ", ".join(f"{part.name} {part.text}" for part in parts)
    return [
        bar(parts, f"cold start {duration(startup.estimate_s)}: {words}", total=longest * 1.01, marks=[limit]),
        key(parts),
        el(
            "p",
            el("b", duration(startup.estimate_s)),
            " on a new machine. The start may take ",
            el("b", duration(startup.budget_s)),
            " once the container starts (the line) before it counts as failed.",
        ),
    ]


def _choices(startup: StartupPlan) -> Element | None:
    if len(startup.choices) < 2:
        return None
    loading = {phase.name: phase.seconds for phase in startup.phases if phase.name in {"copy", "weights"}}
    # A pod that finds the model on its node finds the node, too.
    warm = startup.container_s - loading["weights"]
    rest = startup.estimate_s - sum(loading.values())
    rows = [
        (
            [_STORAGE.get(choice.kind, choice.kind), el("em", " planned") if choice.chosen else None],
            f"{choice.mb_per_s:,.0f}",
            duration(choice.seconds),
            duration((warm if choice.kind == "nvme-warm" else rest) + choice.seconds),
            choice.needs,
        )
        for choice in startup.choices
    ]
    return table(
        "Cold start by where the weights lie",
        ("Weights from", "MB/s", "loading", "cold start", "needs"),
        rows,
        numeric=(1, 2, 3),
    )


def _other_choices(startup: StartupPlan) -> Element | None:
    """Ways to have the image and the compiled kernels."""
    rows = [
        (title, [choice.what, el("em", " planned") if choice.chosen else None], duration(choice.seconds), choice.needs)
        for title, choices in (("image", startup.images), ("kernels", startup.kernels))
        if len(choices) > 1
        for choice in choices
    ]
    if not rows:
        return None
    return table("Other parts of a cold start", ("Part", "how", "takes", "needs"), rows, numeric=(2,))


def _notes(title: str, notes: Sequence[str]) -> list[Element]:
    if not notes:
        return []
    return [el("h4", title), el("ul", (el("li", note) for note in notes), class_="notes")]
