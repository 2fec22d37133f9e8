"""What ``llminfra log`` prints: how the start went, its figures beside the plan, and what is different or open."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.rules.recognize import Recognized
    from llminfra.start_logs.compare import Compared
    from llminfra.start_logs.declared import Differs
    from llminfra.start_logs.record import StartLog
    from llminfra.start_logs.told import Told

_DECIMALS = {"GiB": 2, "tokens": 0, "requests": 2, "bytes": 0, "s": 1}
_MOST = 5
"""Lines with errors that are told."""
_NOTHING = 0.0005
"""Shares that are shown as none."""
_PHASES = ("download", "weights", "shard", "compile", "warmup", "graphs", "engine", "ready")


def log_view(told: Told) -> RenderableType:
    """The page."""
    log = told.log
    lines: list[RenderableType] = [
        Text.assemble((told.planned.model or str(told.case.get("model", "")), "bold"), ": ", _ended(log)),
        Text(_machine(told)),
        Text(told.verdict.text, style="" if told.verdict.holds else "bold red"),
    ]
    if log.failure is not None:
        lines += [Text(), Text(f"line {log.failure.line} says:", style="dim"), Text(log.failure.text, style="dim")]
        if log.failure.others_gib:
            lines.append(Text(f"other processes have {log.failure.others_gib:.2f} GiB of the GPU"))
    if told.rows:
        lines += [Text(), _table(told.rows)]
    if told.differs:
        lines += [Text(), Text("runs otherwise than declared", style="bold red"), _differences(told.differs)]
    compared = {row.name for row in told.rows if row.unit == "s"}
    left = [name for name in _PHASES if name in log.seconds and name not in compared]
    took = " · ".join(f"{name} {log.seconds[name].value:,.1f} s" for name in left)
    lines += [Text(), Text(f"took: {took}")] if took else []
    decided = " · ".join(f"{name} {_plain(item.value)}" for name, item in log.decided.items())
    lines += [Text(f"the engine decided: {decided}")] if decided else []
    lines += [Text(f"nobody says, and was taken: {', '.join(told.open)}")] if told.open else []
    lines += [Text(f"not counted: {name}, {what}") for name, what in log.not_counted.items()]
    lines += [Text(f"the log has {log.starts} starts; this is the last")] if log.starts > 1 else []
    lines += [Text(), known_errors(told.known)] if told.known else []
    return Group(*lines, *_ways(told))


def known_errors(known: Sequence[Recognized]) -> RenderableType:
    """Rules that know errors of the log, by line; of several that know one the first is told, and the others' codes."""
    by_line: dict[int, list[Recognized]] = {}
    for item in known:
        by_line.setdefault(item.line, []).append(item)
    lines: list[RenderableType] = [Text("known errors", style="dim")]
    for number, found in list(by_line.items())[:_MOST]:
        rule = found[0].rule
        also = f" (also {', '.join(item.rule.code for item in found[1:])})" if found[1:] else ""
        lines.append(Text.assemble(f"  line {number}: ", (rule.code, "bold"), f" {rule.title}{also}"))
        lines.append(Text(f"    {' '.join(rule.fix.split())}"))
    lines.append(Text(f"  `llminfra explain {known[0].rule.code}` has more", style="dim"))
    return Group(*lines)


def _ended(log: StartLog) -> tuple[str, str]:
    if log.failure is not None:
        return "did not start", "bold red"
    return ("started", "bold green") if log.started else ("the log does not say whether it started", "bold yellow")


def _machine(told: Told) -> str:
    planned, gpu = told.planned, told.case.get("gpu")
    spread = ("tensor_parallel", "pipeline_parallel", "data_parallel")
    ranks = math.prod(told.case.get(name) or getattr(planned, name) or 1 for name in spread)
    device = f" on {ranks} × {gpu}" if gpu else f" on {ranks} GPU{'s' if ranks > 1 else ''}"
    size = f", {planned.total_gpu_gib:.2f} GiB each" if planned.total_gpu_gib else ""
    release = told.case.get("engine_version") or planned.engine_version
    between = told.log.releases
    if between is not None and release == between[1] and between[0] != between[1]:
        release = f"{between[0]} to {between[1]}"
    beside = f", beside the plan of {told.endpoint}" if told.endpoint else ""
    return f"{told.log.engine} {release}{device}{size}{beside}"


def _plain(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _table(rows: Sequence[Compared]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column()
    for _ in range(3):
        table.add_column(justify="right")
    table.add_row("", *(Text(name, style="dim") for name in ("printed", "planned", "")))
    for row in rows:
        off = row.difference
        told = "" if off is None else f"{off:+.1%}" if abs(off) >= _NOTHING else "0.0%"
        table.add_row(
            Text(f"{row.name}, {row.unit}", style="dim"), _value(row, row.printed), _value(row, row.planned), told
        )
    return table


def _value(row: Compared, value: float) -> str:
    return f"{value:,.{_DECIMALS[row.unit]}f}"


def _differences(found: Sequence[Differs]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for item in found:
        table.add_row(
            f"  {item.name}", f"{item.runs} at line {item.line}", Text(f"declared {item.declared}", style="dim")
        )
    return table


def _ways(told: Told) -> list[RenderableType]:
    if not told.ways:
        return []
    grid = Table.grid(padding=(0, 2, 0, 0))
    for way in told.ways:
        held = way.result.replica_concurrency or 0.0
        options = told.in_its_words(way)
        grid.add_row(f"  {options}", f"{held:,.1f} requests of {way.result.max_model_len or 0:,} tokens at once")
    return [Text(), Text("starts with one of", style="dim"), grid]
