"""JSON: the whole report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llminfra.policy.formats.paths import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llminfra.diagnostics import Diagnostic, Severity
    from llminfra.policy.report import PolicyReport


def to_json(report: PolicyReport, fail_on: Severity | None, diagnostics: Iterable[Diagnostic] = ()) -> str:
    """The report as JSON with sorted keys.

    Args:
        report: What was found.
        fail_on: Mildest severity that fails, which decides on ``ok``; ``None``: nothing fails.
        diagnostics: What planning found, in the form that it has in the JSON of every command on a spec.
    """
    told = [item.to_dict() for item in diagnostics]
    document = {**report.to_dict(), "ok": not report.failures(fail_on), "diagnostics": told}
    for item in document["findings"]:
        item["file"] = shown(item["file"])
    return json.dumps(document, indent=2, sort_keys=True) + "\n"
