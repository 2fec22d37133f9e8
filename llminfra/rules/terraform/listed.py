"""Every rule on the synthesized Terraform."""

from __future__ import annotations

from llminfra.rules.rule import Rule
from llminfra.rules.terraform import (
    efa,
    encryption,
    identity,
    literals,
    network,
    nodes,
    open_ways,
    releases,
    state,
    storage,
)

_MODULES = (efa, nodes, network, open_ways, storage, identity, encryption, literals, state, releases)


def listed() -> tuple[Rule, ...]:
    """The rules of this room."""
    return tuple(rule for module in _MODULES for rule in module.RULES)
