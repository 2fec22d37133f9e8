"""From spec files to plans that rules have judged: what ``llminfra plan`` prints, as data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.diagnostics import Diagnostic, Severity, SpecError, errors
from llminfra.loading.load import load_all
from llminfra.planning import specs as planned
from llminfra.rules.expired import expired_waivers
from llminfra.rules.plan_rules import plan_rules
from llminfra.rules.run import run_plan

if TYPE_CHECKING:
    from llminfra.loading.loaded import Loaded
    from llminfra.planning.plan import Plan


def plan_specs(paths: Sequence[str | Path]) -> tuple[Plan, ...]:
    """Load, plan and judge every platform of every spec file, Python or YAML: what ``llminfra plan`` prints, as data.

    Example:
        >>> (plan,) = plan_specs(["examples/quickstart/spec.py"])
        >>> plan.endpoints[0].fit.fits
        True

    Args:
        paths: The files.

    Raises:
        SpecError: A file, a platform or a rule on plans found errors; it carries the findings of all of them.
        UsageError: A file is missing, or no spec.
    """
    return plan_loaded(load_all([Path(path) for path in paths]))


def plan_loaded(loaded: Loaded) -> tuple[Plan, ...]:
    """Plan and judge what spec files declare.

    Raises:
        SpecError: as in ``plan_specs``.
    """
    day = dt.datetime.now(tz=dt.UTC).date()
    plans, found = planned.planned_and_found(loaded, lambda plan: _found(plan, day))
    if errors(found):
        raise SpecError(found)
    return with_rules(plans, day)


def with_rules(plans: Sequence[Plan], today: dt.date | None = None) -> tuple[Plan, ...]:
    """The plans with the findings of the rules that look at plans, but for those that the spec accepts.

    Waivers that accept nothing any more are told, too.
    Remarks (``info``) are left to ``check``.

    Args:
        plans: Plans without errors.
        today: Day to judge waivers by; ``None``: the day it is, UTC.

    Raises:
        SpecError: A rule found an error; it carries all findings of all plans.
    """
    day = today or dt.datetime.now(tz=dt.UTC).date()
    checked = tuple(
        replace(plan, diagnostics=(*plan.diagnostics, *_found(plan, day), *expired_waivers(plan.platform, day)))
        for plan in plans
    )
    all_found = [
        item
        for plan in checked
        for item in planned.of_platform(plan.diagnostics, plan.platform.name if len(checked) > 1 else "")
    ]
    if errors(all_found):
        raise SpecError(all_found)
    return checked


def _found(plan: Plan, today: dt.date) -> list[Diagnostic]:
    holding = [waiver for waiver in plan.platform.waivers if waiver.expires >= today]
    foreseeing = {rule.code for rule in plan_rules() if rule.foreseen is not None}
    # Resources are named where they are made: what a waiver of one accepts, `check` alone can say.
    left = {waiver.rule for waiver in holding if waiver.rule in foreseeing and waiver.names_a_resource}
    return [
        item
        for item in run_plan(plan, plan_rules())
        if item.severity is not Severity.INFO
        and item.code not in left
        and not any(waiver.rule == item.code and waiver.covers((item.path,)) for waiver in holding)
    ]
