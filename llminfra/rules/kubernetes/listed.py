"""Every rule on rendered Kubernetes objects."""

from __future__ import annotations

from llminfra.rules.kubernetes import disaggregation, node_folders, pods, scaling, traffic
from llminfra.rules.rule import Rule

_MODULES = (node_folders, pods, disaggregation, traffic, scaling)


def listed() -> tuple[Rule, ...]:
    """The rules of this room."""
    return tuple(rule for module in _MODULES for rule in module.RULES)
