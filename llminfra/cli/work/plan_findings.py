"""What the rules on plans say in ``llminfra plan``, so that it passes nothing that ``check`` fails on its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.diagnostics import Diagnostic, Severity, SpecError, errors
from llminfra.planning.specs import of_platform

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan


def with_rules(plans: Sequence[Plan], today: dt.date | None = None) -> tuple[Plan, ...]:
    """The plans with the findings of the rules that look at plans, but for those that the spec accepts.

    Remarks (``info``) are left to ``check``.

    Args:
        plans: Plans without errors.
        today: Day to judge waivers by; ``None``: the day it is, UTC.

    Raises:
        SpecError: A rule found an error; it carries all findings of all plans.
    """
    day = today or dt.datetime.now(tz=dt.UTC).date()
    checked = tuple(replace(plan, diagnostics=(*plan.diagnostics, *_found(plan, day))) for plan in plans)
    all_found = [
        item
        for plan in checked
        for item in of_platform(plan.diagnostics, plan.platform.name if len(checked) > 1 else "")
    ]
    if errors(all_found):
        raise SpecError(all_found)
    return checked


def _found(plan: Plan, today: dt.date) -> list[Diagnostic]:
    from llminfra.rules.plan_rules import plan_rules  # only where a plan could be made
    from llminfra.rules.run import run_plan

    holding = [waiver for waiver in plan.platform.waivers if waiver.expires >= today]
    return [
        item
        for item in run_plan(plan, plan_rules())
        if item.severity is not Severity.INFO
        and not any(waiver.rule == item.code and waiver.covers((item.path,)) for waiver in holding)
    ]
