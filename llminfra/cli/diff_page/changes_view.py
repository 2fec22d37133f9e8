"""What ``llminfra diff`` prints: by object of the spec, what was decided and what will be."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llminfra.cli.diff_page.changes import PlanChange, PlatformChanges

_INDENT, _LABEL = 3, 30
"""Columns before a decision, and the most that its name takes: half of a narrow terminal."""
_MARKS = {"new": ("+", "green"), "gone": ("-", "red"), "changed": ("~", "yellow")}


def diff_view(found: PlatformChanges) -> RenderableType:
    """The money in the first line, what is lost, what differs, and what is wrong with the new plan."""
    before, after = found.usd_per_month
    least = "≥ " if found.unpriced else ""
    step = f"{'+' if after >= before else '-'}${abs(after - before):,.0f}"
    money = f"at most {least}${before:,.0f} → {least}${after:,.0f} a month ({step})"
    if step.endswith("$0"):
        money = f"at most {least}${after:,.0f} a month, as before"
    if not found.changes and not found.new_findings and not found.ended:
        return Text.assemble((found.platform, "bold"), ": the plans decide the same")
    parts: list[RenderableType] = [Text.assemble((found.platform, "bold"), f": {money}")]
    if found.lost_names:
        names = ", ".join(found.lost_names)
        parts.append(Text(f"requests for {names} find no model from then on", style="bold red"))
    parts += [Text(text, style="bold red") for text in found.lost_data]
    parts += [Text(text, style="bold red") for text in found.lost_ways]
    parts += [Text(text, style="bold red") for text in found.ended]
    parts += [Text(f"keys: {text}", style="bold red") for text in found.key_effects]
    parts += _changes(found.changes)
    if found.new_findings:
        parts.append(Text("new findings; `llminfra plan` of the new spec has each in full", style="bold"))
        listed = Table.grid(padding=(0, 1, 0, 0))
        listed.add_column(no_wrap=True, style="yellow")
        listed.add_column(overflow="fold")
        for new in found.new_findings:
            listed.add_row(f"! {new.code}", f"{new.path}: {new.message}")
        parts.append(listed)
    return Group(*parts)


def _changes(changes: Sequence[PlanChange]) -> Iterator[RenderableType]:
    """A line for each object, and of one that changes a line for each decision below."""
    labels = [cell_len(item.what) for item in changes if item.action == "changed"]
    for path, told in ((path, list(items)) for path, items in groupby(changes, key=lambda item: item.path)):
        mark, style = _MARKS[told[0].action]
        head = Text.assemble((path or "the platform", "bold"))
        for item in told:
            if item.action != "changed" and (item.old or item.new):
                head.append(f"  {item.old or item.new}", "dim")
        line = Table.grid(padding=(0, 1, 0, 0))
        line.add_column(no_wrap=True)
        line.add_column(overflow="fold")
        line.add_row(Text(mark, style=style), head)
        yield line
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(width=_INDENT)
        table.add_column(width=min(max(labels, default=0), _LABEL), style="dim", overflow="fold")
        table.add_column(overflow="fold")
        for item in told:
            if item.action == "changed":
                table.add_row("", item.what, f"{item.old} → {item.new}")
        if table.row_count:
            yield table
