"""The rules that look at a plan: what ``llminfra plan`` runs, without loading any other."""

from __future__ import annotations

from functools import cache

from llminfra.rules.plans.listed import listed
from llminfra.rules.rule import LooksAt, Rule


@cache
def plan_rules() -> tuple[Rule, ...]:
    """Every rule of the registry that checks a plan."""
    return tuple(rule for rule in listed() if rule.looks_at is LooksAt.PLAN)
