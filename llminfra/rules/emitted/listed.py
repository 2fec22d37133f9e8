"""Every page of findings that other rooms make themselves."""

from __future__ import annotations

from llminfra.rules.emitted import (
    adapters,
    distributed,
    encryption,
    fit,
    fit_input,
    gateways,
    hardware,
    memory,
    network,
    other_engines,
    overflow,
    plan,
    policy,
    pools,
    refusals,
    serving_targets,
    sharing,
    spec,
    start,
    targets,
    tasks,
)
from llminfra.rules.rule import Rule

_MODULES = (
    spec,
    network,
    pools,
    plan,
    fit,
    memory,
    hardware,
    other_engines,
    fit_input,
    refusals,
    distributed,
    sharing,
    adapters,
    targets,
    serving_targets,
    gateways,
    start,
    encryption,
    policy,
    tasks,
    overflow,
)


def listed() -> tuple[Rule, ...]:
    """The rules of this room."""
    return tuple(rule for module in _MODULES for rule in module.RULES)
