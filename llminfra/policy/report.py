"""``PolicyReport``: every finding of a check with its place in the spec, its status, and what was not run."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from llminfra.diagnostics import Severity


class Status(StrEnum):
    """What became of a finding."""

    OPEN = "open"
    WAIVED = "waived"
    BASELINE = "baseline"
    """Known when the baseline was written: reported, and not counted as a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """The waiver that accepts a finding."""

    reason: str
    owner: str
    expires: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFinding:
    """One finding.

    Attributes:
        rule: Code, own or checkov's.
        title: What the rule demands.
        severity: llminfra's severity; checkov has none offline.
        message: What is wrong here.
        engine: ``llminfra`` or ``checkov``.
        platform: Platform, empty where the finding is about none.
        spec_path: Where in the spec, for example ``pools.h100``; empty where unknown.
        stack: Terraform stack.
        address: Terraform address or ``Kind.namespace.name``; empty for findings on the plan.
        file: The user's spec file.
        line: 1-based line in ``file``.
        synth_file: Synthesized or rendered file, relative to the synthesized folder.
        synth_line: 1-based line in ``synth_file``.
        status: Open, waived or known by the baseline.
        accepted: The waiver, for waived findings.
    """

    rule: str
    title: str
    severity: Severity
    message: str
    engine: str = "llminfra"
    platform: str = ""
    spec_path: str = ""
    stack: str = ""
    address: str = ""
    found: str = ""
    expected: str = ""
    fix: str = ""
    runtime_message: str | None = None
    file: str | None = None
    line: int | None = None
    synth_file: str = ""
    synth_line: int | None = None
    status: Status = Status.OPEN
    accepted: Acceptance | None = None

    @property
    def fingerprint(self) -> str:
        """Identity of the finding across runs: rule, platform and place; the text and line numbers may change."""
        place = self.address or self.spec_path or self.message
        text = "\n".join((self.rule, self.platform, self.stack, self.spec_path, place))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def where(self) -> str:
        """The spec path, or else the address."""
        return self.spec_path or self.address or self.stack or "spec"

    def to_dict(self) -> dict[str, Any]:
        """Plain mapping for JSON."""
        data = asdict(self)
        data["severity"], data["status"] = self.severity.value, self.status.value
        data["fingerprint"] = self.fingerprint
        if self.accepted is not None:
            data["accepted"]["expires"] = self.accepted.expires.isoformat()
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRun:
    """What one engine did.

    Attributes:
        engine: ``llminfra`` or ``checkov``.
        version: Its version.
        subject: What it looked at, for people.
        seconds: How long it took.
    """

    engine: str
    version: str
    subject: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReport:
    """The result of a check.

    Attributes:
        findings: Worst first, then by platform and place.
        not_run: What was left out and why, one sentence each: a check that did not run is not a pass.
        runs: What ran.
        rules_run: Number of llminfra's rules that ran.
    """

    findings: tuple[PolicyFinding, ...]
    not_run: tuple[str, ...] = ()
    runs: tuple[EngineRun, ...] = ()
    rules_run: int = 0

    @property
    def open(self) -> tuple[PolicyFinding, ...]:
        """Findings that nobody has accepted."""
        return tuple(item for item in self.findings if item.status is Status.OPEN)

    @property
    def waived(self) -> tuple[PolicyFinding, ...]:
        """Findings that a waiver accepts."""
        return tuple(item for item in self.findings if item.status is Status.WAIVED)

    def failures(self, fail_on: Severity | None = Severity.WARNING) -> tuple[PolicyFinding, ...]:
        """Open findings at least as bad as ``fail_on``; with ``None`` nothing fails."""
        if fail_on is None:
            return ()
        return tuple(item for item in self.open if item.severity.rank <= fail_on.rank)

    def counts(self) -> dict[str, int]:
        """How many findings by status, and of the open ones by severity."""
        by_severity = Counter(item.severity.value for item in self.open)
        by_status = Counter(item.status.value for item in self.findings)
        return {
            **{each.value: by_severity[each.value] for each in Severity},
            "waived": by_status["waived"],
            "baseline": by_status["baseline"],
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain mapping for JSON."""
        return {
            "counts": self.counts(),
            "findings": [item.to_dict() for item in self.findings],
            "not_run": list(self.not_run),
            "rules_run": self.rules_run,
            "runs": [asdict(item) for item in self.runs],
        }


def ordered(findings: Iterable[PolicyFinding]) -> tuple[PolicyFinding, ...]:
    """Worst first, open before waived, then by platform, place and rule; equal findings once."""
    unique = dict.fromkeys(findings)
    return tuple(
        sorted(
            unique,
            key=lambda item: (
                item.status is not Status.OPEN,
                item.severity.rank,
                item.platform,
                item.where,
                item.rule,
                item.address,
                item.message,
            ),
        )
    )
