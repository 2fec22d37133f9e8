"""The rules that look at a plan: what ``llminfra plan`` runs, without loading any other."""

from __future__ import annotations

from functools import cache

from msgspec.structs import replace

from llminfra.rules.plans.listed import listed
from llminfra.rules.rule import LooksAt, Rule
from llminfra.rules.terraform import open_ways


@cache
def plan_rules() -> tuple[Rule, ...]:
    """Every rule of the registry that checks a plan, and what those of its Terraform foresee.

    A rule that foresees is judged by ``check`` where what it looks at is made, and so is told once there.
    """
    foreseeing = (
        replace(rule, looks_at=LooksAt.PLAN, check=rule.foreseen)
        for rule in open_ways.RULES
        if rule.foreseen is not None
    )
    return (*(rule for rule in listed() if rule.looks_at is LooksAt.PLAN), *foreseeing)
