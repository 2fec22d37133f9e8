"""The cost section of a plan: line by line, at rest and at most, by the hour and the month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from llminfra.catalog.prices import HOURS_PER_MONTH

if TYPE_CHECKING:
    from llminfra.planning.plan import CostLine, Plan


def cost_section(plan: Plan) -> RenderableType:
    """A row per thing that costs money by the hour, the total, and what the figures rest on."""
    table = Table(box=box.HORIZONTALS, show_edge=False, expand=True, show_footer=True, header_style="dim")
    table.add_column("", Text("total", style="bold"), ratio=1)
    totals = _total(plan, most=False), _total(plan, most=True)
    for title, figure in (
        ("$ an hour\nat rest", f"{totals[0]:,.2f}"),
        ("\nat most", f"{totals[1]:,.2f}"),
        ("$ a month\nat rest", f"{totals[0] * HOURS_PER_MONTH:,.0f}"),
        ("\nat most", f"{totals[1] * HOURS_PER_MONTH:,.0f}"),
    ):
        table.add_column(title, Text(figure, style="bold green"), justify="right", no_wrap=True)
    notes: dict[str, int] = {}
    for line in sorted(plan.costs, key=lambda item: -(item.usd_per_hour_max or 0.0)):
        mark = ""
        if line.note:
            mark = f" [{notes.setdefault(line.note, len(notes) + 1)}]"
        what = Text.assemble((line.spec_path, "bold"), (f"  {line.what}{mark}", "dim"))
        table.add_row(what, *_figures(line))
    dates = sorted({line.price_date for line in plan.costs if line.price_date})
    dated = f"prices of {' to '.join(dict.fromkeys((dates[0], dates[-1])))}" if dates else "no prices known"
    below = Table.grid(padding=(0, 1, 0, 1))
    for note, number in notes.items():
        below.add_row(Text(f"[{number}]", style="dim"), Text(note, style="dim"))
    basis = f"{dated}; a month has {HOURS_PER_MONTH:g} hours; requests, traffic and logs come on top"
    below.add_row(Text("–", style="dim", justify="right"), Text(basis, style="dim"))
    return Group(table, below)


def _figures(line: CostLine) -> tuple[str, str, str, str]:
    least, most = line.usd_per_hour_min, line.usd_per_hour_max
    return (
        "?" if least is None else f"{least:,.2f}",
        "?" if most is None else f"{most:,.2f}",
        "?" if least is None else f"{least * HOURS_PER_MONTH:,.0f}",
        "?" if most is None else f"{most * HOURS_PER_MONTH:,.0f}",
    )


def _total(plan: Plan, *, most: bool) -> float:
    return sum((line.usd_per_hour_max if most else line.usd_per_hour_min) or 0.0 for line in plan.costs)
