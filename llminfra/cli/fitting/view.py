"""What ``llminfra fit`` prints for one configuration."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from llminfra.cli.terminal.memory_bar import is_cacheless, legend, memory_bar
from llminfra.planning.memory.weights.divisibility import OF_SPREADS
from llminfra.planning.selection.ways_out import wants

if TYPE_CHECKING:
    from llminfra.planning.memory import FitResult
    from llminfra.planning.selection.ways_out import WayOut

_VERDICTS = {True: ("fits", "bold green"), False: ("does not fit", "bold red"), None: ("unknown", "bold yellow")}


def fit_view(
    result: FitResult,
    width: int,
    *,
    machine: str,
    batch: str = "",
    ways: Sequence[WayOut] = (),
    beside: Sequence[RenderableType] = (),
    wished: int = 1,
) -> RenderableType:
    """Verdict, engine and GPUs, memory bar, the figures, what would help, and the engine's own words if it failed.

    Args:
        result: What was computed.
        width: Columns of the terminal.
        machine: Engine, release and GPUs, in one line.
        batch: Sequences that were counted with, where a spec would have others.
        ways: Changes that help.
        beside: What is told beside memory: price, speed, start.
        wished: Requests of full length that a replica must hold.
    """
    lines: list[RenderableType] = [
        Text.assemble((result.model, "bold"), ": ", _verdict(result, wished)),
        Text(machine),
        Text(_spelled(result.reason)),
    ]
    if bar := memory_bar(result, min(width, 100) - 2):
        lines += [Text(), bar, legend(result)]
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim")
    grid.add_column(justify="right")
    for label, value in (
        ("weights per GPU", _gib(result.weights_gib_per_gpu)),
        ("adapters per GPU", _gib(result.adapters_gib)),
        ("draft per GPU", _gib(result.draft_gib)),
        *_cache(result),
        (f"KV cache tokens{_each(result)}", _number(result.kv_cache_tokens or None)),
        ("at least, by measured starts", _number(result.kv_cache_tokens_at_least or None) if result.fits else ""),
        ("context length", _number(result.max_model_len)),
        (
            "inputs in a step, at most"
            if is_cacheless(result)
            else f"requests of {_number(result.max_model_len)} tokens at once{_each(result)}",
            _places(result, result.max_concurrency),
        ),
        (f"on all {result.data_parallel} ranks", _places(result, result.replica_concurrency) if _each(result) else ""),
        ("longest context that starts", _number(result.estimated_max_len or None)),
    ):
        if value:
            grid.add_row(label, value)
    if grid.row_count:
        lines += [Text(), grid]
    lines += [Text(f"note: {batch}")] if batch else []
    lines += [Text(f"note: {_spelled(item)}") for item in result.findings if item != result.reason]
    lines += _ways(result, ways, wished)
    lines += [Text(), *beside] if beside else []
    if result.engine_error:
        lines += [Text(), Text("the engine would say:", style="dim"), Text(result.engine_error, style="dim")]
    return Group(*lines)


def _cache(result: FitResult) -> tuple[tuple[str, str], ...]:
    if is_cacheless(result):
        return (("KV cache", "none"),)
    if (result.kv_cache_memory_gib or 0.0) < 0:  # weights alone are too large: what would be left says nothing
        return (("KV cache per token and GPU", _number(result.kv_bytes_per_token_per_gpu, " B")),)
    return (
        ("KV cache per GPU", _gib(result.kv_cache_memory_gib)),
        ("… of later starts, which find the compiled model", _gib(result.later_cache_gib)),
        ("KV cache per token and GPU", _number(result.kv_bytes_per_token_per_gpu, " B")),
    )


def _each(result: FitResult) -> str:
    """Whose figure it is: engines print those of one data-parallel rank."""
    return ", each rank" if (result.data_parallel or 1) > 1 else ""


def _places(result: FitResult, held: float | None) -> str:
    if not held:
        return ""
    return f"{held:,.0f}" if is_cacheless(result) else f"{held:,.2f}"


def _ways(result: FitResult, ways: Sequence[WayOut], wished: int) -> list[RenderableType]:
    short = wished > 1 and wants(result, wished)
    memory = result.reason.startswith(("LLM_MEM_", *OF_SPREADS))
    if not ways:
        told = f"no change of one or two options helps; `llminfra fit {result.model}` lists instance types that hold it"
        return [Text(), Text(told)] if (result.fits is False or short) and memory else []
    grid = Table.grid(padding=(0, 2, 0, 0))
    for way in ways:
        held = way.result.replica_concurrency or 0.0
        ranks = f" on all {way.result.data_parallel} ranks" if _each(way.result) else ""
        tight = ", tightly" if way.result.tight else ""
        grid.add_row(
            Text(f"  {way.options}"),
            Text(f"{held:,.1f} requests of {_number(way.result.max_model_len)} tokens at once{ranks}{tight}"),
        )
    helps = "fits" if result.fits is False else "less tightly"
    if short:
        helps = f"fits and holds {wished:,}" if result.fits is False else f"holds {wished:,}"
    return [Text(), Text(f"{helps} with one of", style="dim"), grid]


def _verdict(result: FitResult, wished: int) -> tuple[str, str]:
    if result.fits and result.max_concurrency is not None and result.max_concurrency < 1:
        return ("starts, but holds no request of full length", "bold yellow")
    if result.fits and wants(result, wished):
        return f"fits, but holds {result.replica_concurrency:,.1f} of {wished:,} requests of full length", "bold red"
    if result.tight:
        return ("fits, tightly", "bold yellow")
    if result.fits is False and not result.reason.startswith("LLM_MEM"):
        return ("does not start", "bold red")
    return _VERDICTS[result.fits]


def _spelled(text: str) -> str:
    """Numbers of tokens as the figures below write them; the reason itself is for programs, too."""
    text = re.sub(r"\b\d{4,}(?= tokens\b)", lambda found: f"{int(found.group()):,}", text)
    # Fixes are worded for specs; here they are options to add.
    text = re.sub(r"\bset Model\((\w+)='(\w+)'\)", r"add --\1 \2", text)
    text = re.sub(r"\btake engine (\w+)$", r"take --engine \1", text)
    return re.sub(r"\buse (quantization|dtype)='(\w+)'", r"use --\1 \2", text)


def _gib(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} GiB"


def _number(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:,.0f}{unit}"
