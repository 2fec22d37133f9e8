"""What the platform costs, by thing, by stack and by model, and the quotas that it needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.cli.page.html import Child, Element, el
from llminfra.cli.page.pieces import Part, bar, code, key, section, table
from llminfra.cli.terminal.words import bound
from llminfra.planning.cost.hourly import total_cost
from llminfra.planning.cost.keys import with_keys_as_one
from llminfra.planning.cost.views import costs_by_stack, not_counted, unpriced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.cli.page.served import Served
    from llminfra.planning.plan import Plan

_COLOURS = 7


def price_dates(plan: Plan) -> str:
    """When the prices were read."""
    dates = sorted({line.price_date for line in plan.costs if line.price_date})
    return " to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else ""


def cost_section(plan: Plan, models: Sequence[Served], anchor: str) -> Element:
    """Tables of costs."""
    return section(
        f"{anchor}-cost",
        "Cost",
        _basis(plan),
        el("h3", "By stack, at most"),
        *_by_stack(plan),
        el("h3", "By thing"),
        _by_thing(plan),
        *_by_model(models),
    )


def _basis(plan: Plan) -> Element:
    dates = price_dates(plan)
    dated = f"Prices of {dates}" if dates else "No price is known"
    text = f"{dated}; a month has {HOURS_PER_MONTH:g} hours. On top come {not_counted(plan)}."
    budget = plan.platform.budget_usd_per_month
    missing = "; ".join(f"{', '.join(item.lines)}: {item.how}" for item in unpriced(plan))
    return el(
        "p",
        text,
        f" The budget is ${budget:,.0f} a month." if budget is not None else None,
        f" What has no price is missing from the sums, which are lower bounds (≥). {missing}." if missing else None,
        class_="quiet",
    )


def _by_stack(plan: Plan) -> list[Element]:
    parts = [
        Part(
            name=stack,
            size=cost.usd_per_hour_max,
            text=f"{dollars(cost.usd_per_hour_max, 2, unpriced=cost.unpriced)} an hour, "
            f"{dollars(cost.usd_per_month_max, 0, unpriced=cost.unpriced)} a month",
            class_=f"phase-{index % _COLOURS}",
        )
        for index, (stack, cost) in enumerate(costs_by_stack(plan).items())
    ]
    words = ", ".join(f"{part.name} {part.text}" for part in parts)
    return [bar(parts, f"cost by stack at most: {words}"), key(parts)]


def _by_thing(plan: Plan) -> Element:
    rows: list[tuple[Child, ...]] = [
        (
            code(line.spec_path),
            [line.what, el("small", line.note) if line.note else None],
            _money(line.usd_per_hour_min, 1, 2),
            _money(line.usd_per_hour_max, 1, 2),
            _money(line.usd_per_hour_min, HOURS_PER_MONTH, 0),
            _money(line.usd_per_hour_max, HOURS_PER_MONTH, 0),
        )
        for line in sorted(with_keys_as_one(plan.costs), key=lambda item: -(item.usd_per_hour_max or 0.0))
    ]
    total = total_cost(plan.costs)
    for_rest, for_most = total.unpriced_at_rest, total.unpriced
    totals = (
        bound(total.usd_per_hour_min, 2, unpriced=for_rest),
        bound(total.usd_per_hour_max, 2, unpriced=for_most),
        bound(total.usd_per_hour_min * HOURS_PER_MONTH, 0, unpriced=for_rest),
        bound(total.usd_per_month_max, 0, unpriced=for_most),
    )
    rows.append(("total", "", *(el("b", text) for text in totals)))
    heads = ("", "what", "$ an hour at rest", "$ an hour at most", "$ a month at rest", "$ a month at most")
    return table("Cost by thing", heads, rows, numeric=(2, 3, 4, 5))


def dollars(usd: float, decimals: int, *, unpriced: object) -> str:
    """``$1,234``, ``≥ $1,234`` or ``?``: a sum as it can be told."""
    return re.sub(r"(?=\d)", "$", bound(usd, decimals, unpriced=unpriced), count=1)


def _money(usd: float | None, times: float, decimals: int) -> str:
    return "?" if usd is None else f"{usd * times:,.{decimals}f}"


def _by_model(models: Sequence[Served]) -> list[Element]:
    rows = []
    for item in models:
        each = item.usd_per_hour
        least, most = item.plan.min_replicas, item.plan.max_replicas
        rows.append(
            (
                item.name,
                item.scale,
                _money(each, 1, 2),
                _money(None if each is None else each * least, 1, 2),
                _money(None if each is None else each * most, 1, 2),
                _money(None if each is None else each * most, HOURS_PER_MONTH, 0),
                _money(item.plan.usd_per_million_tokens, 1, 2),
            )
        )
    if not rows:
        return []
    heads = ("", "scale", "$ an hour each", "at rest", "at most", "$ a month at most", "$ a million tokens")
    return [
        el("h3", "By model"),
        el("p", "The share of the machines that a model's GPUs are; not on top of the table above.", class_="quiet"),
        table("Cost by model", heads, rows, numeric=(2, 3, 4, 5, 6)),
    ]


def quota_section(plan: Plan, anchor: str) -> Element | None:
    """What must be asked of AWS before an apply."""
    if not plan.quotas:
        return None
    rows = []
    for quota in plan.quotas:
        short = quota.default is None or quota.needed > quota.default
        default = "unknown" if quota.default is None else f"{quota.default:,.0f}"
        rows.append(
            (
                quota.name,
                code(quota.code) if quota.code else "",
                [el("b", f"{quota.needed:,.0f}"), (" ", el("span", "ask for more", class_="flag")) if short else None],
                default,
                quota.why,
            )
        )
    return section(
        f"{anchor}-quotas",
        "AWS quotas",
        el("p", "With every pool at its maximum. New accounts have the default.", class_="quiet"),
        table("Quotas", ("quota", "code", "needed", "default", "why"), rows, numeric=(2, 3)),
    )
