"""The whole page of ``llminfra report``."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from llminfra import __version__
from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.cli.page.architecture import architecture
from llminfra.cli.page.costs import cost_section, dollars, price_dates, quota_section
from llminfra.cli.page.findings import policy_section, rules_section
from llminfra.cli.page.html import Element, document, el
from llminfra.cli.page.models import models_section
from llminfra.cli.page.picture import picture
from llminfra.cli.page.pieces import section
from llminfra.cli.page.platform_parts import parts_sections
from llminfra.cli.page.served import Served, served
from llminfra.cli.page.stacks import StackView, stacks_section
from llminfra.cli.terminal.words import count, duration
from llminfra.planning.cost.hourly import total_cost

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.policy.report import PolicyFinding, PolicyReport


def report_page(plans: Sequence[Plan], report: PolicyReport, stacks: Sequence[StackView]) -> str:
    """The page of one or more platforms; the same input gives the same bytes.

    Args:
        plans: Plans without errors.
        report: What the check of all of them found.
        stacks: The stacks of all of them, in the order of apply.
    """
    names = sorted((plan.platform.name for plan in plans), key=len, reverse=True)
    owners = {item.name: next((name for name in names if item.name.startswith(f"{name}-")), "") for item in stacks}
    body: list[Element] = []
    for plan in plans:
        name = plan.platform.name
        body.append(
            _platform(
                plan,
                report,
                [item for item in report.findings if item.platform in (name, "")],
                [item for item in stacks if owners[item.name] == name],
            )
        )
    rules = rules_section(report.findings)
    foot = el("footer", el("p", f"Made by llminfra {__version__}. Nothing in this page is loaded from elsewhere."))
    sheet, digest = _style()
    title = f"{', '.join(plan.platform.name for plan in plans)}: platform report"
    if rules is not None:
        body.append(el("div", rules, class_="platform"))
    return document(title, sheet, digest, [el("main", body), foot])


@cache
def _style() -> tuple[str, str]:
    sheet = files("llminfra.cli.page").joinpath("report.css").read_text(encoding="utf-8")
    return sheet, base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()


def _platform(
    plan: Plan, report: PolicyReport, findings: Sequence[PolicyFinding], stacks: Sequence[StackView]
) -> Element:
    anchor = f"p-{plan.platform.name}"
    models = served(plan)
    drawn = section(f"{anchor}-architecture", "Architecture", picture(architecture(plan, models, anchor), anchor))
    found = [
        drawn,
        models_section(plan, models, anchor),
        *parts_sections(plan, anchor),
        cost_section(plan, models, anchor),
        quota_section(plan, anchor),
        policy_section(report, findings, anchor),
        stacks_section(stacks, plan.platform.name, anchor),
    ]
    sections = [item for item in found if item is not None]
    links = [
        el("li", el("a", title, href=f"#{item.attributes['id']}"))
        for item in sections
        if isinstance(item.children[0], Element) and isinstance(title := item.children[0].children[0], str)
    ]
    head = el(
        "header",
        el("p", "llminfra platform report", class_="kicker"),
        el("h1", plan.platform.name),
        el("p", _where(plan), class_="where"),
        _tiles(plan, models, findings),
        el("nav", el("ul", links), aria_label=f"Sections of {plan.platform.name}"),
        class_="top",
    )
    return el("div", head, sections, id=anchor, class_="platform")


def _where(plan: Plan) -> str:
    platform = plan.platform
    tags = ", ".join(f"{key} {value}" for key, value in sorted(platform.tags.items()))
    return " · ".join(text for text in (platform.region, platform.account_id or "", tags) if text)


def _tiles(plan: Plan, models: Sequence[Served], findings: Sequence[PolicyFinding]) -> Element:
    total = total_cost(plan.costs)
    still = [item for item in findings if item.status.value == "open"]
    accepted = sum(item.status.value == "waived" for item in findings)
    at_rest = dollars(total.usd_per_hour_min * HOURS_PER_MONTH, 0, unpriced=total.unpriced_at_rest)
    at_most = dollars(total.usd_per_month_max, 0, unpriced=total.unpriced)
    hourly = f"{dollars(total.usd_per_hour_max, 2, unpriced=total.unpriced)} an hour"
    tiles = [
        (at_rest, "a month at rest", f"prices of {price_dates(plan)}" if price_dates(plan) else ""),
        (at_most, "a month at most", hourly if total.usd_per_hour_max else "no price is known"),
        (str(len(models)), "model served" if len(models) == 1 else "models served", _machines(plan)),
    ]
    if models:
        slowest = max(models, key=lambda item: item.plan.startup.estimate_s)
        tiles.append((duration(slowest.plan.startup.estimate_s), "longest cold start", slowest.name))
    tiles.append((str(len(still)), "open finding" if len(still) == 1 else "open findings", f"{accepted} accepted"))
    return el(
        "div",
        (el("p", el("b", value), el("span", what), el("small", note) if note else None) for value, what, note in tiles),
        class_="tiles",
    )


def _machines(plan: Plan) -> str:
    pools = sum(pool.gpus_per_node * pool.max_nodes for pool in plan.pools)
    return f"at most {count(pools, 'GPU')} in pools" if pools else ""
