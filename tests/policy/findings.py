"""Findings and reports by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

from llminfra import Platform, Waiver
from llminfra.diagnostics import Severity
from llminfra.policy import PolicyFinding, PolicyReport, Status
from llminfra.policy.report import Acceptance, EngineRun, ordered

TODAY = dt.date(2026, 11, 23)


def finding(rule: str = "LLM_NET_5", **fields: Any) -> PolicyFinding:
    """A finding on a pool of ``acme``."""
    given: dict[str, Any] = {
        "title": "EFA groups allow themselves",
        "severity": Severity.ERROR,
        "message": "no group allows all egress traffic to itself",
        "platform": "acme",
        "spec_path": "pools.h100",
        "stack": "acme-cluster",
        "address": "aws_launch_template.h100",
        "found": "aws_security_group.nodes",
        "expected": "an egress rule",
        "fix": "add the rule",
        "file": "stacks/prod.py",
        "line": 7,
        **fields,
    }
    return PolicyFinding(rule=rule, **given)


def waiver(rule: str = "LLM_NET_5", scope: str = "*", expires: dt.date = dt.date(2027, 6, 30), **fields: Any) -> Waiver:
    """A waiver that holds today."""
    given: dict[str, Any] = {"reason": "accepted in the review of this week", "owner": "security", **fields}
    return Waiver(rule=rule, scope=scope, expires=expires, **given)


def platform(*waivers: Waiver, name: str = "acme") -> Platform:
    """A platform that has nothing but waivers."""
    return Platform(name=name, region="us-east-1", waivers=waivers)


def report(*findings: PolicyFinding, **fields: Any) -> PolicyReport:
    """A report with these findings."""
    given: dict[str, Any] = {
        "not_run": ("checkov: it is not installed",),
        "runs": (EngineRun(engine="llminfra", version="0.1.0", subject="1 plan", seconds=0.1),),
        "rules_run": 100,
        **fields,
    }
    return PolicyReport(findings=ordered(findings), **given)


def waived(**fields: Any) -> PolicyFinding:
    """A finding that somebody accepted."""
    accepted = Acceptance(reason="a <good> & sufficient reason", owner="security", expires=dt.date(2027, 6, 30))
    return finding(status=Status.WAIVED, accepted=accepted, **fields)
