"""What ``llminfra fit`` prints for one configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from llminfra.cli.memory_bar import legend, memory_bar

if TYPE_CHECKING:
    from llminfra.planning.memory import FitResult

_VERDICTS = {True: ("fits", "bold green"), False: ("does not fit", "bold red"), None: ("unknown", "bold yellow")}


def fit_view(result: FitResult, width: int) -> RenderableType:
    """Verdict, memory bar, the figures, and the engine's own words where it would not start."""
    verdict = ("cannot be computed", "bold red") if result.error else _VERDICTS[result.fits]
    if result.tight:
        verdict = ("fits, tightly", "bold yellow")
    lines: list[RenderableType] = [
        Text.assemble((result.model, "bold"), ": ", verdict),
    ]
    if result.reason:
        lines.append(Text(result.reason))
    if bar := memory_bar(result, min(width, 100) - 2):
        lines += [Text(), bar, legend(result)]
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim")
    grid.add_column(justify="right")
    for label, value in (
        ("weights per GPU", _gib(result.weights_gib_per_gpu)),
        ("KV cache per GPU", _gib(result.kv_cache_memory_gib)),
        ("KV cache per token and GPU", _number(result.kv_bytes_per_token_per_gpu, " B")),
        ("KV cache tokens", _number(result.kv_cache_tokens)),
        ("context length", _number(result.max_model_len)),
        ("requests of full length at once", f"{result.max_concurrency:.2f}" if result.max_concurrency else ""),
        ("longest context that starts", _number(result.estimated_max_len)),
    ):
        if value:
            grid.add_row(label, value)
    if grid.row_count:
        lines += [Text(), grid]
    lines += [Text(f"note: {item}") for item in result.findings]
    if result.engine_error:
        lines += [Text(), Text("the engine would say:", style="dim"), Text(result.engine_error, style="dim")]
    return Group(*lines)


def _gib(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} GiB"


def _number(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:,.0f}{unit}"
