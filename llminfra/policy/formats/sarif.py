"""SARIF 2.1.0 (OASIS), as GitHub code scanning and other viewers read it: located in the user's spec file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llminfra import __version__
from llminfra.diagnostics import Severity
from llminfra.policy.formats.paths import shown
from llminfra.policy.report import PolicyFinding, Status
from llminfra.rules import by_code

if TYPE_CHECKING:
    from llminfra.policy.report import PolicyReport

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
# GitHub sorts security alerts by this number (0 to 10); llminfra's three severities, in its bands high, medium, low.
_SECURITY_SEVERITY = {Severity.ERROR: "8.0", Severity.WARNING: "5.0", Severity.INFO: "2.0"}


def to_sarif(report: PolicyReport) -> str:
    """The report as one SARIF run.

    Waived findings carry an accepted suppression with its reason, findings of the baseline are ``unchanged``; what was
    not run is in the invocation's notifications.
    """
    codes = sorted({item.rule for item in report.findings})
    index = {code: position for position, code in enumerate(codes)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "llminfra",
                "version": __version__,
                "rules": [_rule(code, report) for code in codes],
            }
        },
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": "note", "message": {"text": f"not run: {item}"}} for item in report.not_run
                ],
            }
        ],
        "results": [_result(item, index[item.rule]) for item in report.findings],
        "columnKind": "unicodeCodePoints",
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str, report: PolicyReport) -> dict[str, Any]:
    finding = next(item for item in report.findings if item.rule == code)
    rule = by_code().get(code)
    described: dict[str, Any] = {
        "id": code,
        "shortDescription": {"text": finding.title or code},
        "defaultConfiguration": {"level": _LEVELS[rule.severity if rule else finding.severity]},
        "properties": {
            "tags": ["security", finding.engine],
            "security-severity": _SECURITY_SEVERITY[rule.severity if rule else finding.severity],
        },
    }
    if rule is not None:
        described["fullDescription"] = {"text": rule.why}
        sources = "".join(f"\n- {item}" for item in rule.source)
        described["help"] = {
            "text": f"{rule.why}\n\nFix: {rule.fix}",
            "markdown": f"{rule.why}\n\n**Fix:** {rule.fix}\n\n**Source:**{sources}",
        }
    return described


def _result(item: PolicyFinding, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": item.rule,
        "ruleIndex": index,
        "level": _LEVELS[item.severity],
        "message": {"text": _text(item)},
        "locations": [_location(item)],
        "partialFingerprints": {"llminfra/v1": item.fingerprint},
        "properties": {
            name: value
            for name, value in (
                ("platform", item.platform),
                ("specPath", item.spec_path),
                ("stack", item.stack),
                ("address", item.address),
                ("fix", item.fix),
            )
            if value
        },
    }
    if item.status is Status.WAIVED and item.accepted is not None:
        accepted = item.accepted
        by = f"accepted by {accepted.owner} until {accepted.expires.isoformat()}"
        result["suppressions"] = [
            {"kind": "inSource", "status": "accepted", "justification": f"{accepted.reason} ({by})"}
        ]
    if item.status is Status.BASELINE:
        result["baselineState"] = "unchanged"
    return result


def _text(item: PolicyFinding) -> str:
    parts = [item.message[:1].upper() + item.message[1:] + "."]
    if item.found:
        parts.append(f"Found: {item.found}.")
    if item.expected:
        parts.append(f"Expected: {item.expected}.")
    if item.fix:
        parts.append(f"Fix: {item.fix}.")
    return " ".join(parts)


def _location(item: PolicyFinding) -> dict[str, Any]:
    file, line = (item.file, item.line) if item.file else (item.synth_file or None, item.synth_line)
    location: dict[str, Any] = {}
    if file:
        physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(shown(file) or file)}}
        if line:
            physical["region"] = {"startLine": line}
        location["physicalLocation"] = physical
    names = [
        {"fullyQualifiedName": name, "kind": kind}
        for name, kind in ((item.spec_path, "member"), (item.address, "resource"))
        if name
    ]
    if names:
        location["logicalLocations"] = names
    return location


def _uri(path: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415  # only SARIF needs it

    return f"file://{quote(path)}" if path.startswith("/") else quote(path)
