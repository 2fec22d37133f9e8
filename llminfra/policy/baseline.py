"""A baseline: findings that were there when a platform was adopted, so that the check fails for new ones only."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from llminfra.diagnostics import UsageError
from llminfra.policy.report import PolicyFinding, PolicyReport, Status


class BaselineEntry(BaseModel):
    """One known finding; the readable fields are for reviewers, the fingerprint decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    rule: str
    platform: str
    where: str


class Baseline(BaseModel):
    """The file that ``llminfra check --write-baseline`` writes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    findings: tuple[BaselineEntry, ...] = ()


def read_baseline(path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        UsageError: The file is missing or is not a baseline.
    """
    try:
        return Baseline.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"cannot read the baseline {path}: {error.strerror}"
        raise UsageError(msg) from None
    except ValidationError as error:
        msg = f"{path} is not a baseline: {error.errors()[0]['msg']}"
        raise UsageError(msg) from None


def baseline_of(report: PolicyReport) -> Baseline:
    """The baseline of everything that is open or known now, sorted, so that it diffs well."""
    entries = sorted(
        {
            (item.rule, item.platform, item.where, item.fingerprint)
            for item in report.findings
            if item.status is not Status.WAIVED
        }
    )
    return Baseline(
        findings=tuple(
            BaselineEntry(fingerprint=mark, rule=rule, platform=platform, where=where)
            for rule, platform, where, mark in entries
        )
    )


def dump_baseline(report: PolicyReport) -> str:
    """The file of that baseline."""
    return json.dumps(baseline_of(report).model_dump(), indent=2) + "\n"


def apply_baseline(findings: Iterable[PolicyFinding], baseline: Baseline) -> list[PolicyFinding]:
    """Mark open findings that the baseline knows."""
    known = {entry.fingerprint for entry in baseline.findings}
    return [
        replace(item, status=Status.BASELINE) if item.status is Status.OPEN and item.fingerprint in known else item
        for item in findings
    ]
