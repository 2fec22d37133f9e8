"""GitHub workflow commands: findings as annotations in the spec file of a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.policy.formats.paths import shown
from llminfra.policy.report import PolicyFinding

if TYPE_CHECKING:
    from llminfra.policy.report import PolicyReport

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def to_github(report: PolicyReport) -> str:
    """One workflow command for each open finding; waived ones are not repeated on every pull request."""
    lines = [_command(item) for item in report.open]
    lines += [f"::notice title=llminfra::{_data(f'not run: {text}')}" for text in report.not_run]
    return "".join(f"{line}\n" for line in lines)


def _command(item: PolicyFinding) -> str:
    properties = {"title": f"{item.rule} {item.where}"}
    if item.file:
        properties["file"] = shown(item.file) or item.file
        if item.line:
            properties["line"] = str(item.line)
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    body = "\n".join(text for text in (item.message, f"fix: {item.fix}" if item.fix else "") if text)
    return f"::{_COMMANDS[item.severity]} {given}::{_data(body)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
