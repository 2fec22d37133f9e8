"""Rows for people: findings grouped by the object of the spec, worst first; printing is the command line's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.policy.formats.paths import shown
from llminfra.policy.report import PolicyFinding, Status

if TYPE_CHECKING:
    from llminfra.policy.report import PolicyReport


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one object of the spec.

    Attributes:
        platform: Platform.
        title: The object, for example ``pools.h100``.
        file: Spec file, relative to the working directory.
        line: Line of the object's first finding.
        findings: Worst first; equal findings of several resources stand once, see ``times``.
        times: How many resources each finding is about, in the order of ``findings``.
    """

    platform: str
    title: str
    file: str | None
    line: int | None
    findings: tuple[PolicyFinding, ...]
    times: tuple[int, ...]

    @property
    def worst(self) -> Severity:
        """Severity of the worst finding."""
        return min((item.severity for item in self.findings), key=lambda each: each.rank)


def to_table(report: PolicyReport, *, waived: bool = True) -> tuple[Group, ...]:
    """Groups, the worst first; objects whose findings are all waived come last.

    Args:
        report: The report.
        waived: Whether waived and known findings are listed too.
    """
    grouped: dict[tuple[str, str], list[PolicyFinding]] = {}
    for item in report.findings:
        if waived or item.status is Status.OPEN:
            grouped.setdefault((item.platform, _object(item)), []).append(item)
    groups = [_group(platform, title, items) for (platform, title), items in grouped.items()]
    return tuple(
        sorted(
            groups,
            key=lambda group: (
                all(item.status is not Status.OPEN for item in group.findings),
                group.worst.rank,
                group.platform,
                group.title,
            ),
        )
    )


def _object(item: PolicyFinding) -> str:
    """The declared object of a spec path: its section and name."""
    if not item.spec_path:
        return item.stack or "the spec"
    parts = item.spec_path.split(".")
    if parts[0] == "storage":  # names of buckets have dots
        return item.spec_path
    return ".".join(parts[:2]) if parts[0] in _NAMED else parts[0]


_NAMED = frozenset({"pools", "endpoints", "models", "waivers", "gateways", "async_endpoints", "batches"})
"""Sections of a spec whose objects have names."""


def _group(platform: str, title: str, items: list[PolicyFinding]) -> Group:
    alike: dict[tuple[str, str, str, Status], list[PolicyFinding]] = {}
    for item in items:
        # What was found matters where something is to be done; accepted findings of a kind stand once.
        found = item.found if item.status is Status.OPEN else ""
        alike.setdefault((item.rule, item.message, found, item.status), []).append(item)
    first = next((item for item in items if item.file), None)
    return Group(
        platform=platform,
        title=title,
        file=shown(first.file) if first else None,
        line=first.line if first else None,
        findings=tuple(same[0] for same in alike.values()),
        times=tuple(len(same) for same in alike.values()),
    )
