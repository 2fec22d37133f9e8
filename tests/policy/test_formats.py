"""Formats: SARIF by its schema, JUnit as XML, GitHub's escapes, JSON as data, groups for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.diagnostics import Severity
from llminfra.policy import PolicyReport, Status
from llminfra.policy.formats import to_github, to_json, to_junit, to_sarif, to_table
from tests.policy.findings import finding, report, waived

SCHEMA = json.loads((Path(__file__).parent / "data" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
FULL = report(
    finding(),
    finding("LLM_SRV_60", severity=Severity.WARNING, spec_path="endpoints.chat.replicas", address="", stack=""),
    finding("CKV_K8S_15", engine="checkov", severity=Severity.INFO, file=None, line=None, synth_file="a b/cdk.tf.json"),
    finding("LLM_TF_2", spec_path="", address="", stack="", file=None, line=None),
    finding("LLM_NET_2", status=Status.BASELINE),
    waived(rule="LLM_NET_3"),
)


def sarif(given: PolicyReport) -> Any:
    document = json.loads(to_sarif(given))
    jsonschema.Draft4Validator(SCHEMA).validate(document)
    return document["runs"][0]


@pytest.mark.parametrize("given", [FULL, report(), report(not_run=())], ids=["full", "empty", "nothing"])
def test_sarif_is_valid(given: PolicyReport) -> None:
    run = sarif(given)
    assert len(run["results"]) == len(given.findings)


def test_the_sarif_schema_can_fail() -> None:
    document = json.loads(to_sarif(FULL))
    document["runs"][0]["results"][0]["level"] = "catastrophe"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(SCHEMA).validate(document)


def test_sarif_points_at_the_spec_file_and_the_line() -> None:
    result = next(item for item in sarif(FULL)["results"] if item["ruleId"] == "LLM_NET_5")
    physical = result["locations"][0]["physicalLocation"]
    assert physical == {"artifactLocation": {"uri": "stacks/prod.py"}, "region": {"startLine": 7}}
    names = {item["fullyQualifiedName"] for item in result["locations"][0]["logicalLocations"]}
    assert names == {"pools.h100", "aws_launch_template.h100"}


def test_sarif_paths_are_uris_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = sarif(report(finding(file=str(tmp_path / "my stacks" / "prod.py"))))
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "my%20stacks/prod.py"


def test_sarif_rules_carry_why_fix_and_source() -> None:
    run = sarif(FULL)
    rules = {item["id"]: item for item in run["tool"]["driver"]["rules"]}
    assert "falls back to TCP" in rules["LLM_NET_5"]["fullDescription"]["text"]
    assert "**Source:**" in rules["LLM_NET_5"]["help"]["markdown"]
    assert rules["CKV_K8S_15"]["defaultConfiguration"]["level"] == "note"
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_sarif_says_what_is_waived_known_and_not_run() -> None:
    run = sarif(FULL)
    by_rule = {item["ruleId"]: item for item in run["results"]}
    assert "security" in by_rule["LLM_NET_3"]["suppressions"][0]["justification"]
    assert by_rule["LLM_NET_2"]["baselineState"] == "unchanged"
    assert "suppressions" not in by_rule["LLM_NET_5"]
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert notes[0]["message"]["text"] == "not run: checkov: it is not installed"


def test_junit_counts_failures_and_skips() -> None:
    root = ET.fromstring(to_junit(FULL, Severity.WARNING))
    assert root.get("failures") == "3"
    assert root.get("tests") == "7"
    skipped = {item.get("message") or "" for item in root.iter("skipped")}
    assert any("waived by security until 2027-06-30: a <good> & sufficient reason" in text for text in skipped)
    assert any("known by the baseline" in text for text in skipped)
    assert any("checkov: it is not installed" in text for text in skipped)


@pytest.mark.parametrize(
    ("fail_on", "failures"), [(Severity.ERROR, 2), (Severity.WARNING, 3), (Severity.INFO, 4), (None, 0)]
)
def test_junit_fails_by_the_same_measure_as_the_exit_code(fail_on: Severity | None, failures: int) -> None:
    assert len(FULL.failures(fail_on)) == failures
    assert ET.fromstring(to_junit(FULL, fail_on)).get("failures") == str(failures)


def test_junit_of_a_clean_check_has_a_passed_case() -> None:
    root = ET.fromstring(to_junit(report(not_run=())))
    assert [item.get("name") for item in root.iter("testcase")] == ["100 rules"]


@given(st.text(), st.text())
def test_any_text_survives_every_format(message: str, found: str) -> None:
    given = report(finding(message=message or "x", found=found))
    assert ET.fromstring(to_junit(given)).find(".//failure") is not None
    assert json.loads(to_json(given, None))["findings"][0]["found"] == found
    json.loads(to_sarif(given))
    assert to_github(given).count("\n") == 2


def test_github_annotates_the_line_and_escapes() -> None:
    text = to_github(report(finding(message="50 % of\nall, really: yes"), not_run=()))
    head = "::error title=LLM_NET_5 pools.h100,file=stacks/prod.py,line=7::"
    assert text == f"{head}50 %25 of%0Aall, really: yes%0Afix: add the rule\n"


def test_github_is_silent_about_what_is_accepted() -> None:
    assert to_github(report(waived(), finding(status=Status.BASELINE), not_run=())) == ""


def test_json_is_the_whole_report() -> None:
    document = json.loads(to_json(FULL, Severity.WARNING))
    assert document["counts"] == {"error": 2, "warning": 1, "info": 1, "waived": 1, "baseline": 1}
    assert document["not_run"] == ["checkov: it is not installed"]
    accepted = next(item["accepted"] for item in document["findings"] if item["status"] == "waived")
    assert accepted["expires"] == "2027-06-30"
    assert len({item["fingerprint"] for item in document["findings"]}) == len(FULL.findings)


def test_groups_stand_worst_first_and_accepted_ones_last() -> None:
    groups = to_table(
        report(
            finding("LLM_A_1", severity=Severity.WARNING, spec_path="network.cidr"),
            finding("LLM_A_2", spec_path="pools.h100.nodes"),
            finding("LLM_A_3", severity=Severity.INFO, spec_path="pools.h100"),
            waived(rule="LLM_A_4", spec_path="storage.acme.weights"),
        )
    )
    assert [group.title for group in groups] == ["pools.h100", "network", "storage.acme.weights"]
    assert [item.rule for item in groups[0].findings] == ["LLM_A_2", "LLM_A_3"]
    assert groups[0].worst is Severity.ERROR


@pytest.mark.parametrize("section", ["endpoints", "gateways", "async_endpoints", "batches", "pools"])
def test_each_object_with_a_name_has_a_group(section: str) -> None:
    found = [finding(spec_path=f"{section}.{name}.on.instance_types") for name in ("day", "night")]
    assert [group.title for group in to_table(report(*found))] == [f"{section}.day", f"{section}.night"]


def test_equal_findings_of_several_resources_stand_once() -> None:
    (group,) = to_table(report(finding(address="aws_x.a"), finding(address="aws_x.b")))
    assert len(group.findings) == 1
    assert group.times == (2,)


def test_waived_findings_can_be_left_out() -> None:
    assert to_table(report(waived()), waived=False) == ()


def test_findings_are_ordered_and_said_once() -> None:
    given = report(finding(severity=Severity.INFO, rule="LLM_A_9"), finding(), finding(), waived(rule="LLM_B_1"))
    assert [item.rule for item in given.findings] == ["LLM_NET_5", "LLM_A_9", "LLM_B_1"]
