"""One GPU's memory as a bar: what weights, overheads and the KV cache take, and what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from llminfra.planning.memory import FitResult

PARTS = (("weights", "blue"), ("other", "magenta"), ("KV cache", "green"), ("free", "bright_black"))
_GLYPHS = {"weights": "█", "other": "▓", "KV cache": "▒", "free": "░"}


def is_cacheless(result: FitResult) -> bool:
    """Whether the engine keeps no cache."""
    return result.fits is not None and result.kv_cache_tokens is None and result.kv_cache_memory_gib == 0


def held_by_copies(result: FitResult) -> str:
    """Behind a number of requests: that it is of one copy of attention, and what all of them hold."""
    if (result.data_parallel or 1) == 1:
        return ""
    return f" on each of {result.data_parallel} copies, {result.replica_concurrency or 0:.1f} in the replica"


def at_least(result: FitResult) -> str:
    """Behind a number of tokens: how many it is where the estimate is too high by all of its margin."""
    least = result.kv_cache_tokens_at_least
    return "" if not result.fits or least is None else f" (at least {least:,})"


def shares(result: FitResult) -> dict[str, float] | None:
    """GiB per GPU by part, summing up to the device; ``None`` where the device or the weights are unknown."""
    total, weights = result.total_gpu_gib, result.weights_gib_per_gpu
    if not total or weights is None:
        return None
    other = sum(part or 0.0 for part in _others(result))
    cache = max(0.0, result.kv_cache_memory_gib or 0.0)
    return {"weights": weights, "other": other, "KV cache": cache, "free": max(0.0, total - weights - other - cache)}


def _others(result: FitResult) -> tuple[float | None, ...]:
    return result.non_torch_gib, result.activation_peak_gib, result.cuda_graph_gib, result.reserved_gib


def memory_bar(result: FitResult, width: int) -> Text:
    """The bar; parts differ by glyph too, so that it reads without colour. Empty where nothing is known."""
    parts = shares(result)
    bar = Text()
    if parts is None:
        return bar
    total = max(sum(parts.values()), 1e-9)
    cells, position, filled = dict.fromkeys(parts, 0), 0.0, 0
    for name, size in parts.items():
        position += size / total * width
        cells[name] = round(position) - filled
        filled = round(position)
    for name, style in PARTS:
        bar.append(_GLYPHS[name] * cells[name], style)
    return bar


def legend(result: FitResult) -> Text:
    """The bar's parts in GiB."""
    parts = shares(result)
    text = Text()
    for name, style in PARTS if parts else ():
        size = (parts or {})[name]
        if name == "KV cache" and (is_cacheless(result) or result.kv_cache_memory_gib is None):
            continue
        if name == "other" and all(part is None for part in _others(result)):
            continue
        text.append(f"{_GLYPHS[name]} ", style)
        text.append(f"{name} {size:.1f} ")
    if parts:
        text.append(f"of {result.total_gpu_gib:.1f} GiB")
    return text
