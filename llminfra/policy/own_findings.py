"""What llminfra itself finds, as findings of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from llminfra.policy.report import PolicyFinding, PolicyReport
from llminfra.rules import by_code

if TYPE_CHECKING:
    from llminfra.diagnostics import Diagnostic, SpecError
    from llminfra.rules.rule import Rule
    from llminfra.rules.run import Finding


def from_diagnostic(item: Diagnostic, rules: Mapping[str, Rule], *, platform: str = "") -> PolicyFinding:
    """A diagnostic of a spec or a plan; ``rules`` by code say its title."""
    rule = rules.get(item.code)
    return PolicyFinding(
        rule=item.code,
        title=rule.title if rule else item.code,
        severity=item.severity,
        message=item.message,
        platform=platform,
        spec_path=item.path,
        found=item.found,
        expected=item.expected,
        fix=item.fix,
        runtime_message=item.runtime_message,
        file=item.file,
        line=item.line,
    )


def from_finding(item: Finding, rules: Mapping[str, Rule]) -> PolicyFinding:
    """What a rule found in a stack or in a Kubernetes object."""
    return replace(
        from_diagnostic(item.diagnostic, rules), stack=item.stack, address=item.address, synth_file=item.synth_file
    )


def by_rule(
    code: str,
    message: str,
    *,
    platform: str = "",
    spec_path: str = "",
    stack: str = "",
    address: str = "",
    found: str = "",
    expected: str = "",
    runtime_message: str | None = None,
    synth_file: str = "",
) -> PolicyFinding:
    """A finding of the registered rule that is called ``code``, with its title, severity and fix."""
    rule = by_code()[code]
    return PolicyFinding(
        rule=code,
        title=rule.title,
        severity=rule.severity,
        message=message,
        platform=platform,
        spec_path=spec_path,
        stack=stack,
        address=address,
        found=found,
        expected=expected,
        fix=rule.fix,
        runtime_message=runtime_message,
        synth_file=synth_file,
    )


def report_of_failed_spec(error: SpecError) -> PolicyReport:
    """A report for machines when the spec cannot be planned, so that a pipeline reads one format either way."""
    return PolicyReport(
        findings=tuple(from_diagnostic(item, by_code()) for item in error.diagnostics),
        not_run=("policy: the spec cannot be planned, so nothing was synthesized and checked",),
    )
