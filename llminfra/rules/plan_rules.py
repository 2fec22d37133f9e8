"""The rules that look at a plan, without the modules of all the others: what ``llminfra plan`` runs."""

from __future__ import annotations

from functools import cache

from llminfra.rules import callers, capacity, distributed, endpoint_pods, gateways, models, replicas
from llminfra.rules.rule import LooksAt, Rule

_MODULES = (capacity, distributed, gateways, models, endpoint_pods, replicas, callers)


@cache
def plan_rules() -> tuple[Rule, ...]:
    """Every rule of the registry that checks a plan."""
    return tuple(rule for module in _MODULES for rule in module.RULES if rule.looks_at is LooksAt.PLAN)
