"""Plans of the examples and of this repository's own platforms, on the day that their goldens were made."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path

from llminfra.loading.load import load
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TODAY = dt.date(2026, 11, 23)


def plan_anew(spec: Path) -> tuple[Plan, ...]:
    """The plans of a spec file, from its text."""
    loaded = load(spec)
    assert loaded.ok, loaded
    return tuple(plan_platform(platform, today=TODAY) for platform in loaded.platforms)


@cache
def plans_of(spec: Path) -> tuple[Plan, ...]:
    """The plans of a spec file, made once in this process: they are frozen."""
    return plan_anew(spec)


def example_plan(name: str) -> Plan:
    """The plan of an example with one platform."""
    (plan,) = plans_of(EXAMPLES / name / "spec.py")
    return plan
