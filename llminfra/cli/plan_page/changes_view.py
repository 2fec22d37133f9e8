"""What ``llminfra diff`` prints: by object of the spec, what was decided and what will be."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from llminfra.cli.plan_page.changes import PlatformChanges

_MARKS = {"new": ("+", "green"), "gone": ("-", "red"), "changed": ("~", "yellow")}


def diff_view(found: PlatformChanges) -> RenderableType:
    """The money in the first line, what is lost, what differs, and what is wrong with the new plan."""
    before, after = found.usd_per_month
    least = "≥ " if found.unpriced else ""
    step = f"{'+' if after >= before else '-'}${abs(after - before):,.0f}"
    money = f"at most {least}${before:,.0f} → {least}${after:,.0f} a month ({step})"
    if step.endswith("$0"):
        money = f"at most {least}${after:,.0f} a month, as before"
    if not found.changes and not found.new_findings:
        return Text.assemble((found.platform, "bold"), ": the plans decide the same")
    parts: list[RenderableType] = [Text.assemble((found.platform, "bold"), f": {money}")]
    if found.lost_names:
        names = ", ".join(found.lost_names)
        parts.append(Text(f"requests for {names} find no model from then on", style="bold red"))
    parts += [Text(text, style="bold red") for text in found.lost_data]
    parts += [Text(f"keys: {text}", style="bold red") for text in found.key_effects]
    table = Table.grid(padding=(0, 1, 0, 0))
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for path, changes in groupby(found.changes, key=lambda item: item.path):
        told = list(changes)
        mark, style = _MARKS[told[0].action]
        table.add_row(Text(mark, style=style), Text(path or "the platform", style="bold"), "")
        for item in told:
            if item.action == "changed":
                table.add_row("", Text(f"  {item.what}", style="dim"), Text(f"{item.old} → {item.new}"))
            elif item.old or item.new:
                table.add_row("", "", Text(item.old or item.new, style="dim"))
    parts.append(table)
    if found.new_findings:
        parts.append(Text("new findings; `llminfra plan` of the new spec has each in full", style="bold"))
        listed = Table.grid(padding=(0, 1, 0, 0))
        listed.add_column(no_wrap=True, style="yellow")
        listed.add_column(overflow="fold")
        for new in found.new_findings:
            listed.add_row(f"! {new.code}", f"{new.path}: {new.message}")
        parts.append(listed)
    return Group(*parts)
