"""Baselines: known findings do not fail, new ones do, and the file survives edits of the spec."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from llminfra.diagnostics import UsageError
from llminfra.policy import Status, dump_baseline
from llminfra.policy.baseline import apply_baseline, read_baseline
from tests.policy.findings import finding, report, waived


def test_known_findings_do_not_fail_and_new_ones_do(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    file.write_text(dump_baseline(report(finding())), encoding="utf-8")
    found = apply_baseline([finding(), finding(address="aws_launch_template.other")], read_baseline(file))
    assert [item.status for item in found] == [Status.BASELINE, Status.OPEN]


def test_moving_lines_and_rewording_do_not_bring_a_finding_back(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    file.write_text(dump_baseline(report(finding())), encoding="utf-8")
    moved = replace(finding(), line=99, message="said otherwise", found="x", synth_line=4)
    assert apply_baseline([moved], read_baseline(file))[0].status is Status.BASELINE


def test_waived_findings_are_not_written_and_stay_waived(tmp_path: Path) -> None:
    text = dump_baseline(report(waived()))
    assert json.loads(text)["findings"] == []
    file = tmp_path / "known.json"
    file.write_text(dump_baseline(report(finding())), encoding="utf-8")
    assert apply_baseline([waived()], read_baseline(file))[0].status is Status.WAIVED


def test_the_file_is_the_same_whatever_the_order() -> None:
    one, two = finding(), finding("LLM_TF_2", address="", spec_path="")
    assert dump_baseline(report(one, two)) == dump_baseline(report(two, one))


def test_a_known_finding_stays_in_the_next_baseline() -> None:
    known = finding(status=Status.BASELINE)
    assert json.loads(dump_baseline(report(known)))["findings"][0]["rule"] == "LLM_NET_5"


@pytest.mark.parametrize("text", ["", "{", '{"findings": [{"rule": "x"}]}', "[]", '{"more": 1}'])
def test_a_file_that_is_no_baseline_is_a_usage_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "known.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="is not a baseline"):
        read_baseline(file)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the baseline"):
        read_baseline(tmp_path / "gone.json")
