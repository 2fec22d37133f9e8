"""What the plan page says of every served model, whatever it runs on: memory, speed, start, and what else would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from llminfra.cli.plan_page.startup import startup_lines
from llminfra.cli.plan_page.why import memory_sum, reasons
from llminfra.cli.terminal.memory_bar import at_least, held_by_copies, is_cacheless, legend, memory_bar
from llminfra.cli.terminal.speed import speed_lines
from llminfra.cli.terminal.words import dot
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.spec.endpoint import Autoscaling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

    from llminfra.planning.plan.serving import ServingPlan, WeightsPlan
    from llminfra.spec.endpoint import Task


_SHORT: Mapping[str, str] = {"auto": "bf16", "bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}
DOES: Mapping[Task, str] = {
    "embed": "embeds",
    "rerank": "reranks",
    "classify": "classifies",
    "reward": "gives rewards",
    "transcribe": "transcribes",
}
"""What a model does that is not to write text."""


def model_line(item: ServingPlan, price: str) -> RenderableType:
    """The model and its precision on the left, a price on the right."""
    fit = item.fit
    precision = fit.quantization or item.spec.model.quantization or fit.dtype or item.spec.model.dtype
    precision = _SHORT.get(precision, precision)
    does = DOES.get(item.task, "")
    return first_line(Text.assemble(item.model_id, ("  " + precision, "cyan"), f"  {does}" if does else ""), price)


def spread_words(item: ServingPlan) -> str:
    """``TP 8 × PP 2``."""
    parallel = item.parallelism
    spread = [f"TP {parallel.tensor}"]
    spread += [f"{key} {size}" for key, size in (("PP", parallel.pipeline), ("DP", parallel.data)) if size > 1]
    spread += ["experts spread"] if parallel.expert else []
    return " × ".join(spread)


def serving_lines(
    item: ServingPlan, bar: int, *, machine: str, patience: str, why: bool, price: str
) -> Iterator[RenderableType]:
    """Everything below the first lines of a served model.

    Args:
        item: The model, sized.
        bar: Columns of the memory bar.
        machine: What a container starts on: ``a node``.
        patience: Who waits for a start, and how long.
        why: Whether to print every line behind the figures.
        price: Where the price of a replica comes from; printed with ``why``.
    """
    fit = item.fit
    yield note("why", item.parallelism_why)
    if item.engine_why:
        yield note("", item.engine_why)
    yield memory_bar(fit, bar)
    yield legend(fit)
    if summed := memory_sum(fit):
        yield note("sum", summed)
    if fit.kv_cache_tokens is not None and fit.max_model_len:
        yield Text.assemble(
            "KV cache of ",
            (f"{fit.kv_cache_tokens:,}", "bold"),
            f" tokens{at_least(fit)}: ",
            (f"{fit.max_concurrency or 0:.1f}", "bold"),
            f" requests of {fit.max_model_len:,} tokens at once",
            held_by_copies(fit),
        )
    elif is_cacheless(fit):
        yield Text(fit.reason.partition(": ")[2])
    if item.performance is not None:
        yield from speed_lines(
            item.performance,
            usd_per_million_tokens=item.usd_per_million_tokens,
            usd_per_replica_hour=item.usd_per_replica_hour,
        )
    if scaled := scaled_on(item):
        yield Text(scaled)
    yield from startup_lines(item.startup, machine=machine, patience=patience)
    for advice in item.startup.advice:
        yield note("tip", advice)
    for other in item.candidates:
        refused = other.startswith("not ")
        yield note("not" if refused else "or", other.removeprefix("not "))
    if why:
        for about, line in reasons(item, price):
            yield note("", f"{about}: {line}")


def scaled_on(item: ServingPlan) -> str:
    """When a replica more is started; empty where their number is fixed or a service of AWS scales on its own."""
    declared, busy = item.spec.replicas, item.busy
    beyond = isinstance(item, EndpointPlan) and item.overflow is not None  # which says it in its own words
    if busy is None or not isinstance(declared, Autoscaling) or beyond:
        return ""
    at = [f"{declared.waiting_per_replica:,} requests wait"]
    at += [f"{busy.running:,} run ({busy.why})"] if busy.running is not None else []
    at += [f"{busy.cache:.0%} of the cache is in use"] if busy.cache is not None else []
    return f"one more replica where at each {', '.join(at[:-1])} or {at[-1]}" if at[1:] else ""


def weights_words(weights: WeightsPlan) -> str:
    """Where the weights come from, for what no pool reads."""
    return dot(f"s3://{weights.storage}/{weights.key}" if weights.key else "", weights.read_source)


def first_line(text: Text, price: str) -> RenderableType:
    """A text, and a price at the right edge."""
    line = Table.grid(expand=True)
    line.add_column(ratio=1, overflow="fold")
    line.add_column(justify="right", no_wrap=True)
    line.add_row(text, Text(price, style="green"))
    return line


def note(label: str, text: str) -> RenderableType:
    """A line under a short label, folded in its own column."""
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_column(width=3, style="dim italic")
    line.add_column(style="dim", overflow="fold")
    line.add_row(label, text)
    return line
