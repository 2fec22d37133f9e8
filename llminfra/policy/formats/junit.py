"""JUnit XML, as pipelines show test results: a suite for each platform, a case for each finding."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from llminfra.diagnostics import Severity
from llminfra.policy.formats.paths import shown
from llminfra.policy.report import PolicyFinding, Status

if TYPE_CHECKING:
    from llminfra.policy.report import PolicyReport


def to_junit(report: PolicyReport, fail_on: Severity | None = Severity.WARNING) -> str:
    """The report as JUnit XML.

    A finding that counts as a failure is a failed case; a waived, known or lesser one is a skipped case with its
    reason. A check without findings is one passed case, so that the suite is never empty. What was not run is a skipped
    case too.

    Args:
        report: The report.
        fail_on: Least severity that fails.
    """
    failures = set(report.failures(fail_on))
    root = ET.Element("testsuites", name="llminfra check")
    platforms = sorted({item.platform for item in report.findings}) or [""]
    total = {"tests": 0, "failures": 0, "skipped": 0}
    for platform in platforms:
        items = [item for item in report.findings if item.platform == platform]
        suite = ET.SubElement(root, "testsuite", name=platform or "llminfra")
        for item in items:
            _case(suite, item, failed=item in failures)
        if not items:
            ET.SubElement(suite, "testcase", classname="llminfra", name=f"{report.rules_run} rules")
        _count(suite, total)
    if report.not_run:
        suite = ET.SubElement(root, "testsuite", name="not run")
        for text in report.not_run:
            case = ET.SubElement(suite, "testcase", classname="not run", name=_clean(text.partition(":")[0]))
            ET.SubElement(case, "skipped", message=_clean(text))
        _count(suite, total)
    for key, value in total.items():
        root.set(key, str(value))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _count(suite: ET.Element, total: dict[str, int]) -> None:
    counted = {
        "tests": len(suite.findall("testcase")),
        "failures": len(suite.findall("testcase/failure")),
        "skipped": len(suite.findall("testcase/skipped")),
    }
    for key, value in counted.items():
        suite.set(key, str(value))
        total[key] += value


def _case(suite: ET.Element, item: PolicyFinding, *, failed: bool) -> None:
    place = "/".join(part for part in (item.stack, item.address) if part)
    name = f"{item.rule} {item.where}" + (f" ({place})" if place and item.where != place else "")
    case = ET.SubElement(suite, "testcase", classname=_clean(item.where), name=_clean(name))
    if item.file:
        case.set("file", _clean(shown(item.file) or item.file))
        if item.line:
            case.set("line", str(item.line))
    if failed:
        failure = ET.SubElement(case, "failure", message=_clean(item.message), type=item.severity.value)
        details = (("found", item.found), ("expected", item.expected), ("fix", item.fix))
        failure.text = _clean("\n".join(f"{label}: {text}" for label, text in details if text))
    elif item.status is Status.WAIVED and item.accepted:
        accepted = item.accepted
        message = f"waived by {accepted.owner} until {accepted.expires.isoformat()}: {accepted.reason}"
        ET.SubElement(case, "skipped", message=_clean(message))
    else:
        why = "known by the baseline" if item.status is Status.BASELINE else f"{item.severity.value}, does not fail"
        ET.SubElement(case, "skipped", message=_clean(f"{why}: {item.message}"))


def _clean(text: str) -> str:
    """Text without characters that XML 1.0 cannot carry."""
    return "".join(
        character
        for character in text
        if character in "\t\n\r"
        or " " <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
        or character > "\uffff"
    )
