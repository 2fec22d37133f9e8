"""Running rules: each check's hits become findings with the rule's code, severity and fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from llminfra.diagnostics import Diagnostic, Severity
from llminfra.loading.wording.origins import origin_of
from llminfra.loading.wording.told import as_declared
from llminfra.rules.rule import Hit, LooksAt, Rule

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.rules.views.kubernetes_view import KubernetesObjects
    from llminfra.rules.views.terraform_view import Stacks


class Finding(Struct, frozen=True, kw_only=True):
    """A diagnostic, and the Terraform block or Kubernetes object it is about.

    Attributes:
        diagnostic: Code, severity, spec path, message and fix.
        stack: Stack that holds the object.
        address: Terraform address, or ``Kind.namespace.name``.
        synth_file: Synthesized or rendered file with the object.
    """

    diagnostic: Diagnostic
    stack: str = ""
    address: str = ""
    synth_file: str = ""


def run_plan(plan: Plan, rules: Iterable[Rule] | None = None) -> tuple[Diagnostic, ...]:
    """Check a plan; what loading and planning found themselves is in ``plan.diagnostics`` and not repeated here."""
    found: dict[Diagnostic, None] = {}
    for finding in _run(plan, LooksAt.PLAN, rules):
        path = plan.declared_path(finding.diagnostic.path)
        file, line = origin_of(plan.platform, path) or (None, None)
        found[replace(finding.diagnostic, path=path, file=file, line=line)] = None
    return as_declared(plan.platform, found)


def run_terraform(stacks: Stacks, rules: Iterable[Rule] | None = None) -> tuple[Finding, ...]:
    """Check synthesized stacks."""
    return tuple(_run(stacks, LooksAt.TERRAFORM, rules))


def run_kubernetes(objects: KubernetesObjects, rules: Iterable[Rule] | None = None) -> tuple[Finding, ...]:
    """Check rendered Kubernetes objects."""
    return tuple(_run(objects, LooksAt.KUBERNETES, rules))


def _run(subject: object, looks_at: LooksAt, rules: Iterable[Rule] | None) -> Iterator[Finding]:
    if rules is None:
        from llminfra.rules.registry import rules as registered  # noqa: PLC0415  # every rule; a caller may bring a few

        rules = registered()
    for rule in rules:
        if rule.looks_at is looks_at and rule.check is not None:
            yield from _run_one(rule, subject)


def _run_one(rule: Rule, subject: Any) -> Iterator[Finding]:
    if rule.check is None:
        return
    try:
        hits = tuple(rule.check(subject))
    except Exception as error:  # noqa: BLE001  # one broken rule must neither hide the others nor pass
        yield Finding(
            diagnostic=Diagnostic(
                code="LLM_RULE_1",
                severity=Severity.ERROR,
                path="",
                message=f"rule {rule.code} failed and checked nothing: {type(error).__name__}: {error}",
                found=f"the check of {rule.code}",
                expected="a check that ends without an exception",
                fix=f"correct the function of {rule.code}",
            )
        )
        return
    for hit in hits:
        yield _finding(rule, hit)


def _finding(rule: Rule, hit: Hit) -> Finding:
    on = hit.on
    return Finding(
        diagnostic=Diagnostic(
            code=rule.code,
            severity=rule.severity,
            path=hit.path or (on.spec_path if on else ""),
            message=hit.message,
            found=hit.found,
            expected=hit.expected,
            fix=hit.fix or rule.fix,
            runtime_message=hit.runtime_message,
        ),
        stack=on.stack if on else "",
        address=on.address if on else "",
        synth_file=on.file if on else "",
    )
