"""The cost section of a plan: line by line, at rest and at most, by the hour and the month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.cli.plan_page.reasons import cost_reasons
from llminfra.cli.terminal.words import bound, dot, series
from llminfra.planning.cost.hourly import CostRange, how_to_price, total_cost
from llminfra.planning.cost.keys import with_keys_as_one
from llminfra.planning.cost.savings import network_savings
from llminfra.planning.cost.views import costs_by_stack, endpoint_costs, not_counted, purchase_options, unpriced

if TYPE_CHECKING:
    from llminfra.catalog.price_file import Kind
    from llminfra.planning.plan import CostLine, Plan


def cost_section(plan: Plan, *, why: bool = False) -> RenderableType:
    """A row per thing that costs money by the hour, the total, and what they rest on; with ``why`` as products."""
    if not plan.costs:
        return Text("nothing is paid by the hour; requests, tokens, traffic and logs are paid by use", style="dim")
    table = Table(box=box.HORIZONTALS, show_edge=False, expand=True, show_footer=True, header_style="dim")
    table.add_column("", Text("total", style="bold"), ratio=1)
    total = total_cost(plan.costs)
    titles = ("$ an hour\nat rest", "\nat most", "$ a month\nat rest", "\nat most")
    for title, figure in zip(titles, _sums(total), strict=True):
        table.add_column(title, Text(figure, style="bold green"), justify="right", no_wrap=True)
    notes: dict[str, int] = {}
    for line in sorted(with_keys_as_one(plan.costs), key=lambda item: -(item.usd_per_hour_max or 0.0)):
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
    basis = f"{dated}; a month has {HOURS_PER_MONTH:g} hours; {not_counted(plan)} come on top"
    below.add_row(Text("–", style="dim", justify="right"), Text(basis, style="dim"))
    for missing in unpriced(plan):
        text = f"without the prices of {', '.join(missing.lines)}, unknown in {plan.platform.region}: {missing.how}"
        below.add_row(Text("≥", style="bold yellow", justify="right"), Text(text, style="yellow"))
    for path, text in cost_reasons(plan) if why else ():
        below.add_row(Text("–", style="dim", justify="right"), Text(f"{path}: {text}", style="dim"))
    for text in (*network_savings(plan), *_bought(plan)):
        below.add_row(Text("–", style="dim", justify="right"), Text(text, style="dim"))
    return Group(table, *_parts(plan), below)


def _parts(plan: Plan) -> list[RenderableType]:
    """The same money by stack, the endpoints' shares of their pools, and what the budget leaves."""
    parts: list[RenderableType] = []
    table = Table(box=None, show_edge=False, expand=True, show_header=False, padding=(0, 1, 0, 1))
    table.add_column("", ratio=1)
    for _ in range(4):
        table.add_column("", justify="right", no_wrap=True, min_width=9)
    stacks = costs_by_stack(plan)
    for stack, found in stacks.items() if len(stacks) > 1 else ():
        table.add_row(Text(f"stack {stack}", style="dim"), *(Text(text, style="dim") for text in _sums(found)))
    for item in endpoint_costs(plan):
        if item.usd_per_hour_min is not None and item.usd_per_hour_max is not None:
            pool = next(each.pool for each in plan.endpoints if each.name == item.name)
            figures = _sums(CostRange(usd_per_hour_min=item.usd_per_hour_min, usd_per_hour_max=item.usd_per_hour_max))
            name = Text(f"endpoint {item.name}, its share of {pool}", style="dim")
            table.add_row(name, *(Text(text, style="dim") for text in figures))
    if table.row_count:
        parts.append(table)
    budget = plan.platform.budget_usd_per_month
    if budget:
        parts.append(_budget(budget, total_cost(plan.costs)))
    return parts


def _budget(budget: float, total: CostRange) -> Text:
    """What the platform takes of its budget; with prices unknown, that this cannot be told."""
    begin, share = f" budget ${budget:,.0f} a month, ", total.usd_per_month_max / budget
    if not total.unpriced:
        return Text(f"{begin}{share:.0%} of it taken at most")
    known = f"at least {share:.0%} of it taken at full size" if total.usd_per_hour_max else "of which nothing is known"
    return Text(f"{begin}{known}: not proved, prices are unknown", style="yellow")


def _sums(total: CostRange) -> tuple[str, str, str, str]:
    least, most = total.usd_per_hour_min, total.usd_per_hour_max
    return (
        bound(least, 2, unpriced=total.unpriced_at_rest),
        bound(most, 2, unpriced=total.unpriced),
        bound(least * HOURS_PER_MONTH, 0, unpriced=total.unpriced_at_rest),
        bound(most * HOURS_PER_MONTH, 0, unpriced=total.unpriced),
    )


_TOLD: tuple[Kind, ...] = ("on-demand", "spot", "reserved", "savings-plan", "capacity-block")


def _bought(plan: Plan) -> list[str]:
    """A node of every pool in the ways to buy it whose price is known, or where to get the others."""
    lines: list[str] = []
    missing: dict[tuple[str, ...], list[str]] = {}
    for pool in plan.pools:
        options = purchase_options(pool, plan.platform.region)
        known = [item for item in options if item.usd_per_hour is not None]
        if without := tuple(item.kind for item in options if item.usd_per_hour is None):
            missing.setdefault(without, []).append(pool.name)
        if len(known) > 1:
            prices = dot(*(f"{item.kind} ${item.usd_per_hour:,.2f} ({item.price_date})" for item in known))
            lines.append(f"a node of {pool.name}: {prices}")
    how = how_to_price(plan.platform.region)
    for kinds, pools in missing.items():
        of = f" of {series(pools)}" if len(pools) < len(plan.pools) else ""
        lines.append(f"{series(sorted(kinds, key=_TOLD.index))} prices{of}: {how}")
    return lines


def _figures(line: CostLine) -> tuple[str, str, str, str]:
    least, most = line.usd_per_hour_min, line.usd_per_hour_max
    return (
        "?" if least is None else f"{least:,.2f}",
        "?" if most is None else f"{most:,.2f}",
        "?" if least is None else f"{least * HOURS_PER_MONTH:,.0f}",
        "?" if most is None else f"{most * HOURS_PER_MONTH:,.0f}",
    )
