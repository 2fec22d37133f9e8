"""The registry: every rule that llminfra has, in one explicit tuple.

A rule is here because its room lists its module and its module lists it, not because something was imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from msgspec.structs import replace

from llminfra.rules.emitted import listed as emitted
from llminfra.rules.kubernetes import listed as kubernetes
from llminfra.rules.plans import listed as plans
from llminfra.rules.rule import Rule
from llminfra.rules.seen import words
from llminfra.rules.terraform import listed as terraform

_ROOMS = (emitted, plans, terraform, kubernetes)


def _order(rule: Rule) -> tuple[str, int]:
    area, _, number = rule.code.rpartition("_")
    return area, int(number)


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule of llminfra, by area and number, with what is seen where it was not kept."""
    every = (rule for room in _ROOMS for rule in room.listed())
    return tuple(sorted((replace(rule, seen=rule.seen or words(rule.code)) for rule in every), key=_order))


@cache
def by_code() -> Mapping[str, Rule]:
    """Rules by code."""
    return {rule.code: rule for rule in rules()}
