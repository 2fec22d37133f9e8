"""The registry: every rule that llminfra has, in one explicit tuple.

A rule is here because its module is listed below and lists it, not because something was imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from msgspec.structs import replace

from llminfra.rules import (
    callers,
    capacity,
    disaggregation,
    distributed,
    efa,
    emitted_adapters,
    emitted_distributed,
    emitted_fit,
    emitted_gateways,
    emitted_hardware,
    emitted_input,
    emitted_plan,
    emitted_policy,
    emitted_serving_targets,
    emitted_sharing,
    emitted_spec,
    emitted_start,
    emitted_targets,
    endpoint_pods,
    gateways,
    identity,
    literals,
    models,
    network,
    node_folders,
    nodes,
    pods,
    releases,
    replicas,
    scaling,
    state,
    storage,
    traffic,
)
from llminfra.rules.rule import Rule
from llminfra.rules.seen import words

_MODULES = (
    emitted_spec,
    emitted_plan,
    emitted_fit,
    emitted_hardware,
    emitted_input,
    emitted_distributed,
    emitted_sharing,
    emitted_adapters,
    emitted_targets,
    emitted_serving_targets,
    emitted_gateways,
    emitted_start,
    capacity,
    endpoint_pods,
    replicas,
    callers,
    gateways,
    models,
    distributed,
    efa,
    nodes,
    node_folders,
    network,
    storage,
    identity,
    literals,
    state,
    releases,
    pods,
    disaggregation,
    traffic,
    scaling,
    emitted_policy,
)


def _order(rule: Rule) -> tuple[str, int]:
    area, _, number = rule.code.rpartition("_")
    return area, int(number)


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule of llminfra, by area and number, with what is seen where it was not kept."""
    listed = (rule for module in _MODULES for rule in module.RULES)
    return tuple(sorted((replace(rule, seen=rule.seen or words(rule.code)) for rule in listed), key=_order))


@cache
def by_code() -> Mapping[str, Rule]:
    """Rules by code."""
    return {rule.code: rule for rule in rules()}
