"""Guards on a real plan: what ``terraform show -json`` says an apply would destroy or replace."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llminfra.diagnostics import UsageError
from llminfra.policy.report import PolicyFinding, PolicyReport, ordered
from llminfra.policy.waivers import apply_waivers, covers
from llminfra.rules import LooksAt, by_code
from llminfra.rules.views.terraform_view import secrets_key

if TYPE_CHECKING:
    from llminfra.spec.platform import Platform

# Resources that hold data, that everything depends on, or that AWS does not give back at once.
_PRECIOUS = frozenset(
    {
        "aws_s3_bucket",
        "aws_fsx_lustre_file_system",
        "aws_fsx_data_repository_association",
        "aws_efs_file_system",
        "aws_kms_key",
        "aws_eks_cluster",
        "aws_vpc",
        "aws_subnet",
        "aws_dynamodb_table",
        "aws_secretsmanager_secret",
        "aws_db_instance",
        "aws_ec2_capacity_reservation",
        "aws_ec2_capacity_block_reservation",
        "aws_iam_openid_connect_provider",
        "aws_sagemaker_endpoint",
        "aws_cloudwatch_log_group",
        "aws_ecr_repository",
        "aws_prometheus_workspace",
    }
)
_SERVING = frozenset(
    {"aws_eks_node_group", "aws_launch_template", "helm_release", "aws_sagemaker_endpoint_configuration"}
)
_TAKEN_AWAY = frozenset({"aws_eks_node_group", "helm_release"})


def check_plan_file(path: Path, platforms: Sequence[Platform] = (), *, today: dt.date | None = None) -> PolicyReport:
    """Judge the changes of a saved plan.

    Args:
        path: Output of ``terraform show -json PLANFILE``.
        platforms: Platforms whose waivers apply, scope by resource address.
        today: Day to judge waivers by; ``None``: the day it is, UTC.

    Raises:
        UsageError: The file is missing or is not such output.
    """
    return judge_changes(_findings(_changes(path)), platforms, today=today)


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


def guard_finding(
    code: str,
    message: str,
    *,
    platform: str = "",
    spec_path: str = "",
    stack: str = "",
    address: str = "",
    found: str = "",
    expected: str = "",
) -> PolicyFinding:
    """What stands against a change, with the texts of the guard that is called ``code``."""
    rule = by_code()[code]
    return PolicyFinding(
        rule=code,
        title=rule.title,
        severity=rule.severity,
        message=message,
        platform=platform,
        spec_path=spec_path,
        stack=stack,
        address=address,
        found=found,
        expected=expected,
        fix=rule.fix,
    )


def _changes(path: Path) -> list[Mapping[str, Any]]:
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
    return [item for item in changes or [] if isinstance(item, Mapping)]


def _findings(changes: list[Mapping[str, Any]]) -> Iterator[PolicyFinding]:
    for item in changes:
        change = item.get("change")
        actions = change.get("actions") if isinstance(change, Mapping) else None
        if not isinstance(change, Mapping) or not isinstance(actions, list) or item.get("mode") == "data":
            continue
        kind, address = str(item.get("type")), str(item.get("address"))
        if kind == "aws_eks_cluster" and actions == ["update"]:
            yield from _other_key(change, address)
        if "delete" not in actions:
            continue
        replaced = "create" in actions
        because = _forced_by(change)
        if kind in _PRECIOUS:
            code = "LLM_GUARD_2" if replaced else "LLM_GUARD_1"
        elif kind in _TAKEN_AWAY or (kind in _SERVING and replaced):
            code = "LLM_GUARD_3"
        else:
            continue
        verb = "replaces" if replaced else "destroys"
        yield guard_finding(
            code,
            f"the apply {verb} {address}",
            address=address,
            found=because or " then ".join(actions),
            expected="an update in place",
        )


def _other_key(change: Mapping[str, Any], address: str) -> Iterator[PolicyFinding]:
    """An update of a cluster that names another key: EKS keeps the one that it has."""
    before, after = change.get("before"), change.get("after")
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return
    was, will = secrets_key(before), secrets_key(after)
    if was is not None and was != will:
        rule = by_code()["LLM_GUARD_4"]
        yield PolicyFinding(
            rule=rule.code,
            title=rule.title,
            severity=rule.severity,
            message=f"the apply wants another key for the secrets of {address}, and EKS keeps the one that it has",
            address=address,
            found=f"{was} → {will or 'known after the apply'}",
            expected=str(was),
            fix=rule.fix,
        )


def _forced_by(change: Mapping[str, Any]) -> str:
    """Arguments that force a replacement, as Terraform names them in ``replace_paths``."""
    paths = change.get("replace_paths")
    if not isinstance(paths, list):
        return ""
    names = [".".join(str(part) for part in route) for route in paths if isinstance(route, list)]
    return f"forced by {', '.join(names)}" if names else ""
