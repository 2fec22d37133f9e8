"""Waivers: what they cover, when they end, and what is said about those that do no good."""

from __future__ import annotations

import datetime as dt

import pytest

from llminfra import Waiver
from llminfra.policy import PolicyFinding, Status
from llminfra.policy.waivers import apply_waivers, covers
from llminfra.rules import by_code
from tests.policy.findings import TODAY, finding, platform, waiver


def applied(
    found: list[PolicyFinding], *waivers: Waiver, judged: bool = True, today: dt.date = TODAY
) -> list[PolicyFinding]:
    return apply_waivers(
        found, [platform(*waivers)], today=today, judged=lambda _: judged, known=lambda code: code in by_code()
    )


@pytest.mark.parametrize(
    "scope",
    ["*", "pools.h100", "pools.*", "pools.h1*", "pools", "aws_launch_template.h100", "aws_launch_template.*",
     "acme-cluster/aws_launch_template.h100"],
)  # fmt: skip
def test_a_scope_that_covers(scope: str) -> None:
    (item,) = applied([finding()], waiver(scope=scope))
    assert item.status is Status.WAIVED
    assert item.accepted is not None
    assert item.accepted.owner == "security"


@pytest.mark.parametrize(
    "scope", ["pools.h10", "pools.h100.nodes", "pool*x", "aws_launch_template.h1", "endpoints.*", "other/*"]
)
def test_a_scope_that_does_not(scope: str) -> None:
    item, unused = applied([finding()], waiver(scope=scope))
    assert item.status is Status.OPEN
    assert unused.rule == "LLM_WAIVER_2"
    assert "pools.h100" in unused.found


def test_a_scope_covers_what_lies_below_it() -> None:
    assert covers(waiver(scope="pools.h100"), finding(spec_path="pools.h100.instance_types[0]"))
    assert covers(waiver(scope="pools.h100.instance_types"), finding(spec_path="pools.h100.instance_types[0]"))
    assert not covers(waiver(scope="pools.h1"), finding(spec_path="pools.h100"))


def test_a_waiver_holds_on_its_last_day_and_not_after() -> None:
    accepted = waiver(expires=TODAY)
    assert [item.status for item in applied([finding()], accepted)] == [Status.WAIVED]
    item, expired = applied([finding()], accepted, today=TODAY + dt.timedelta(days=1))
    assert item.status is Status.OPEN
    assert expired.rule == "LLM_WAIVER_1"
    assert "security" in expired.message


def test_an_expired_waiver_is_reported_even_when_it_would_waive_nothing() -> None:
    assert [item.rule for item in applied([], waiver(expires=dt.date(2026, 1, 1)))] == ["LLM_WAIVER_1"]


def test_an_unused_waiver_is_reported_only_when_its_rule_ran() -> None:
    assert [item.rule for item in applied([], waiver())] == ["LLM_WAIVER_2"]
    assert applied([], waiver(), judged=False) == []


def test_a_waiver_of_an_unknown_rule_is_reported() -> None:
    (item,) = applied([], waiver(rule="LLM_NOPE_1"))
    assert item.rule == "LLM_WAIVER_3"
    assert item.file is not None


def test_a_waiver_for_more_than_a_year_is_a_warning_and_works() -> None:
    item, long = applied([finding()], waiver(expires=dt.date(2029, 1, 1)))
    assert item.status is Status.WAIVED
    assert long.rule == "LLM_WAIVER_4"
    assert long.severity.value == "warning"


def test_a_waiver_is_for_its_own_platform() -> None:
    other = finding(platform="other")
    item, _ = applied([other], waiver())
    assert item.status is Status.OPEN


def test_a_finding_about_no_platform_can_be_waived() -> None:
    (item,) = applied([finding(platform="")], waiver())
    assert item.status is Status.WAIVED


def test_one_waiver_takes_many_and_the_first_of_two_is_named() -> None:
    first, second = waiver(owner="first"), waiver(owner="second")
    found = applied([finding(), finding(spec_path="pools.l40s", address="")], first, second)
    assert [item.accepted.owner for item in found if item.accepted] == ["first", "first"]
    assert len(found) == 2
