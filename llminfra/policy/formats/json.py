"""JSON: the whole report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llminfra.policy.formats.paths import shown

if TYPE_CHECKING:
    from llminfra.policy.report import PolicyReport


def to_json(report: PolicyReport) -> str:
    """The report as JSON with sorted keys."""
    document = report.to_dict()
    for item in document["findings"]:
        item["file"] = shown(item["file"])
    return json.dumps(document, indent=2, sort_keys=True) + "\n"
