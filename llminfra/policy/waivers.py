"""Waivers of the spec applied to findings; an expired, unused, unknown or everlasting waiver is a finding itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from llminfra.diagnostics import entry_path, names_of
from llminfra.policy.report import Acceptance, PolicyFinding, Status
from llminfra.rules import by_code

if TYPE_CHECKING:
    from llminfra.spec.foundation.waiver import Waiver
    from llminfra.spec.platform import Platform

_LONGEST = dt.timedelta(days=366)


def apply_waivers(
    findings: Iterable[PolicyFinding],
    platforms: Sequence[Platform],
    *,
    today: dt.date,
    judged: Callable[[str], bool],
    known: Callable[[str], bool],
) -> list[PolicyFinding]:
    """Mark accepted findings, and add what is wrong with the waivers.

    Args:
        findings: Findings of all platforms.
        platforms: Platforms with their waivers; a waiver holds for its own platform only.
        today: Day to judge expiry by; a waiver holds on its last day.
        judged: Whether a rule was run in this check; a waiver of one that was not is not called unused.
        known: Whether a rule code exists.
    """
    waiting = list(findings)
    extra: list[PolicyFinding] = []
    for platform in platforms:
        for waiver in platform.waivers:
            hits = [
                index
                for index, item in enumerate(waiting)
                if item.rule == waiver.rule and item.platform in (platform.name, "") and covers(waiver, item)
            ]
            expired = waiver.expires < today
            if not known(waiver.rule):
                extra.append(_about(waiver, platform, "LLM_WAIVER_3", f"there is no rule {waiver.rule}", waiver.rule))
            elif expired:
                extra.append(
                    _about(
                        waiver,
                        platform,
                        "LLM_WAIVER_1",
                        f"the waiver of {waiver.rule} for {waiver.scope} has expired; {waiver.owner} accepted it",
                        f"expired on {waiver.expires.isoformat()}, {len(hits)} findings",
                    )
                )
            elif not hits and judged(waiver.rule):
                extra.append(
                    _about(
                        waiver,
                        platform,
                        "LLM_WAIVER_2",
                        f"the waiver of {waiver.rule} for {waiver.scope} waives nothing",
                        _elsewhere(waiver, waiting),
                    )
                )
            if not expired and waiver.expires - today > _LONGEST:
                extra.append(
                    _about(
                        waiver,
                        platform,
                        "LLM_WAIVER_4",
                        f"the waiver of {waiver.rule} holds for more than a year",
                        f"expires={waiver.expires.isoformat()}",
                    )
                )
            if not expired:
                accepted = Acceptance(reason=waiver.reason, owner=waiver.owner, expires=waiver.expires)
                for index in hits:
                    if waiting[index].status is Status.OPEN:
                        waiting[index] = replace(waiting[index], status=Status.WAIVED, accepted=accepted)
    return [*waiting, *extra]


def covers(waiver: Waiver, finding: PolicyFinding) -> bool:
    """Whether a waiver's scope covers a finding.

    A scope is a spec path or an address; it covers what lies below it (``pools.h100`` covers ``pools.h100.nodes``),
    and a ``*`` at its end covers everything that starts so.
    """
    return waiver.covers((finding.spec_path, finding.address, f"{finding.stack}/{finding.address}"))


def _about(waiver: Waiver, platform: Platform, code: str, message: str, found: str) -> PolicyFinding:
    rule = by_code()[code]
    file, line = waiver.origin or platform.origin or (None, None)
    return PolicyFinding(
        rule=code,
        title=rule.title,
        severity=rule.severity,
        message=message,
        platform=platform.name,
        spec_path=_place(waiver, platform.waivers),
        found=found,
        fix=rule.fix,
        file=file,
        line=line,
    )


def _place(waiver: Waiver, waivers: Sequence[Waiver]) -> str:
    names = names_of(waivers)
    index = next(index for index, each in enumerate(waivers) if each is waiver)
    return entry_path("waivers", index, names[index])


def _elsewhere(waiver: Waiver, findings: Iterable[PolicyFinding]) -> str:
    places = sorted({item.where for item in findings if item.rule == waiver.rule})
    return f"{waiver.rule} was found at {', '.join(places[:5])}" if places else f"no finding of {waiver.rule}"
