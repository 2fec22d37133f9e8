"""Every rule on plans, without the modules of all the others: what ``llminfra plan`` runs."""

from __future__ import annotations

from llminfra.rules.plans import (
    callers,
    capacity,
    distributed,
    endpoint_pods,
    existing_cluster,
    existing_prometheus,
    gateways,
    idle_gpus,
    image_lock,
    models,
    overflow,
    partly_used,
    regional,
    releases,
    replicas,
    system_nodes,
)
from llminfra.rules.rule import Rule

_MODULES = (
    capacity,
    idle_gpus,
    partly_used,
    regional,
    system_nodes,
    existing_cluster,
    existing_prometheus,
    distributed,
    gateways,
    image_lock,
    models,
    releases,
    endpoint_pods,
    replicas,
    callers,
    overflow,
)


def listed() -> tuple[Rule, ...]:
    """The rules of this room."""
    return tuple(rule for module in _MODULES for rule in module.RULES)
