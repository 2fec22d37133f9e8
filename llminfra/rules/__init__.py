"""Rules: one registry of what llminfra refuses or warns about, on the plan, Terraform JSON and Kubernetes objects.

``rules()`` lists them, ``run_plan``, ``run_terraform`` and ``run_kubernetes`` check, and ``rule`` declares a new one.
The registry loads when it is asked for: ``llminfra plan`` needs the rules on plans alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

# Not lazily: the function `rule` has the name of its module.
from llminfra.rules.rule import Hit, LooksAt, Rule, rule

if TYPE_CHECKING:
    from llminfra.rules.registry import by_code, rules
    from llminfra.rules.run import Finding, run_kubernetes, run_plan, run_terraform

__all__ = [
    "Finding",
    "Hit",
    "LooksAt",
    "Rule",
    "by_code",
    "rule",
    "rules",
    "run_kubernetes",
    "run_plan",
    "run_terraform",
]

_HOMES = {
    "registry": ("by_code", "rules"),
    "run": ("Finding", "run_kubernetes", "run_plan", "run_terraform"),
}
_HOME_OF = {name: f"llminfra.rules.{module}" for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use."""
    if (module := _HOME_OF.get(name)) is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(module), name)
