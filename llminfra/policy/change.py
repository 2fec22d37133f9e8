"""Guards on a real plan: what is lost by the changes that ``terraform show -json`` tells."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llminfra.diagnostics import UsageError
from llminfra.policy.former_places import made_for, still_declared
from llminfra.policy.own_findings import by_rule
from llminfra.policy.plan_places import Places, places
from llminfra.policy.report import PolicyFinding, PolicyReport, ordered
from llminfra.policy.waivers import apply_waivers, covers
from llminfra.rules import LooksAt, by_code
from llminfra.rules.changes.dangers import danger
from llminfra.rules.changes.planned import PlannedChange, planned_changes

if TYPE_CHECKING:
    from llminfra.rules.views.terraform_view import Stack
    from llminfra.spec.platform import Platform


def check_plan_file(
    path: Path,
    platforms: Sequence[Platform] = (),
    *,
    stacks: Iterable[Stack] = (),
    applied: Iterable[Stack] = (),
    today: dt.date | None = None,
) -> PolicyReport:
    """Judge the changes of a saved plan.

    What the plan deletes is in no stack of the specs any more. Its spec path is that of the stacks that were applied,
    and without them what its address says.

    Args:
        path: Output of ``terraform show -json PLANFILE``.
        platforms: Platforms whose waivers apply, scope by resource address, or by spec path where a stack has the
            resource, or had it.
        stacks: What the platforms synthesize to, so that a change has the spec path of what it is made for.
        applied: What the specs synthesized to that are applied.
        today: Day to judge waivers by; ``None``: the day it is, UTC.

    Raises:
        UsageError: The file is missing or is not such output.
    """
    document = _document(path)
    where, formerly = places(document, stacks), places(document, applied, applied=True)
    found = _findings(planned_changes(document), where, formerly, platforms)
    return judge_changes(found, platforms, today=today)


def judge_changes(
    findings: Iterable[PolicyFinding], platforms: Sequence[Platform], *, today: dt.date | None = None
) -> PolicyReport:
    """Findings of the guards with the waivers of the specs applied; of one that has expired, the finding tells.

    Args:
        findings: What stands against changes, by the codes of the guards.
        platforms: Platforms whose waivers apply, scope by spec path or resource address.
        today: Day to judge waivers by; ``None``: the day it is, UTC.
    """
    guards = {item.code for item in by_code().values() if item.looks_at is LooksAt.CHANGE}
    day = today or dt.datetime.now(tz=dt.UTC).date()
    accepted = apply_waivers(
        (_with_expired(item, platforms, day) for item in findings),
        platforms,
        today=day,
        # A change is one of one moment: a waiver for another one is not unused.
        judged=lambda _code: False,
        known=lambda _code: True,
    )
    return PolicyReport(findings=ordered(item for item in accepted if item.rule in guards), rules_run=len(guards))


def _with_expired(finding: PolicyFinding, platforms: Sequence[Platform], today: dt.date) -> PolicyFinding:
    """The finding, and who accepted it until a day that is over."""
    over = [
        waiver
        for platform in platforms
        for waiver in platform.waivers
        if waiver.rule == finding.rule and finding.platform in (platform.name, "")
        if waiver.expires < today and covers(waiver, finding)
    ]
    if not over:
        return finding
    told = f"{finding.message}; the waiver of {over[0].owner} expired on {over[0].expires.isoformat()}"
    return replace(finding, message=told)


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}"
        raise UsageError(msg) from None
    except ValueError:
        msg = f"{path} is not JSON: make it with `terraform show -json PLANFILE > {path.name}`"
        raise UsageError(msg) from None
    changes = document.get("resource_changes") if isinstance(document, dict) else None
    if not isinstance(document, dict) or "format_version" not in document or not isinstance(changes or [], list):
        msg = f"{path} is not the output of `terraform show -json`: it has no format_version"
        raise UsageError(msg)
    if "terraform_version" in document and "resource_changes" not in document and "planned_values" not in document:
        msg = f"{path} shows a state, not a plan: make it with `terraform show -json PLANFILE`"
        raise UsageError(msg)
    return document


def _findings(
    changes: Iterable[PlannedChange], where: Places, formerly: Places, platforms: Sequence[Platform]
) -> Iterator[PolicyFinding]:
    for item in changes:
        against = danger(item.type, item.action, item.before, item.after)
        if against is None:
            continue
        goes = item.action in ("delete", "replace")
        forced = f"forced by {', '.join(item.because)}" if item.because else item.action
        path = where.path(item.address)
        told = ""
        if item.action == "delete" and not path:
            path = formerly.path(item.address) or made_for(item.address, item.before)
            told = _made_for(path, platforms)
        yield by_rule(
            against.rule,
            f"{item.address}: {against.why}{told}",
            spec_path=path,
            stack=where.stack or formerly.stack,
            address=item.address,
            found=forced if goes else "",
            expected="an update in place" if goes else "",
        )


def _made_for(path: str, platforms: Sequence[Platform]) -> str:
    """What to tell of something that no stack has any more."""
    if not path:
        return ""
    if not platforms:
        return f"; it was made for {path}"
    if still_declared(path, platforms):
        return f"; it was made for {path}, which the spec still has, and which needs it no more"
    return f"; it was made for {path}, which the spec has no more"
