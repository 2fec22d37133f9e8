"""Plans of the examples, on the day that their goldens were made."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from llminfra.loading.load import load
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan

EXAMPLES = Path(__file__).parents[2] / "examples"


def example_plan(name: str) -> Plan:
    """The plan of an example with one platform."""
    (platform,) = load(EXAMPLES / name / "spec.py").platforms
    return plan_platform(platform, today=dt.date(2026, 11, 23))
