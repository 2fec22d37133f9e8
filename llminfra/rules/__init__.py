"""Rules: one registry of what llminfra refuses or warns about, on the plan, Terraform JSON and Kubernetes objects.

``rules()`` lists them, ``run_plan``, ``run_terraform`` and ``run_kubernetes`` check, and ``rule`` declares a new one.
"""

from __future__ import annotations

from llminfra.rules.registry import by_code, rules
from llminfra.rules.rule import Hit, LooksAt, Rule, rule
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
