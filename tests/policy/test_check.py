"""The whole check on production: nothing open, everything located, and what was left out is said."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from llminfra.diagnostics import Severity, ToolError, UsageError
from llminfra.policy import Status, check, dump_baseline, preload
from llminfra.policy.checkov_process import CheckovProcess
from tests.policy.findings import TODAY
from tests.rules.platforms import ROOT, prod, prod_plan

pytestmark = pytest.mark.helm


@pytest.fixture
def broken(synth_dir: Path, tmp_path: Path) -> Path:
    """A copy of the synthesized folder with an open bucket policy and one EFA interface too few."""
    folder = tmp_path / "out"
    shutil.copytree(synth_dir, folder)
    file = folder / "stacks/acme-prod-cluster/cdk.tf.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    document["resource"]["aws_launch_template"]["pool-h100"]["network_interfaces"].pop()
    document["resource"]["aws_sqs_queue"]["interruption"]["sqs_managed_sse_enabled"] = False
    file.write_text(json.dumps(document, indent=2), encoding="utf-8")
    return folder


def test_production_has_no_open_finding(synth_dir: Path) -> None:
    process = preload()
    assert process is not None
    report = check([prod_plan()], synth_dir, checkov=process, today=TODAY)
    assert process.ended
    assert report.open == ()
    assert report.failures(Severity.INFO) == ()
    assert {item.engine for item in report.waived} == {"checkov"}
    assert all(item.accepted and item.accepted.owner for item in report.waived)
    assert [run.engine for run in report.runs] == ["llminfra", "checkov"]
    assert report.rules_run >= 60


def test_waivers_expire_together_with_the_acceptance(synth_dir: Path) -> None:
    report = check([prod_plan()], synth_dir, use_checkov=False, today=dt.date(2027, 7, 1))
    assert {item.rule for item in report.open} == {"LLM_WAIVER_1"}
    assert len(report.open) == len(prod().waivers)


def test_without_checkov_its_waivers_are_not_called_unused(synth_dir: Path) -> None:
    report = check([prod_plan()], synth_dir, use_checkov=False, today=TODAY)
    assert report.findings == ()
    assert "checkov: left out by request" in report.not_run


def test_a_missing_checkov_is_said(synth_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llminfra.policy.checker.available", lambda _python=None: False)
    report = check([prod_plan()], synth_dir, today=TODAY)
    assert report.findings == ()
    assert any("it is not installed" in text for text in report.not_run)


def test_a_missing_helm_is_said(synth_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise ToolError("helm is missing")

    monkeypatch.setattr("llminfra.helm.binary.find_helm", missing)
    report = check([prod_plan()], synth_dir, use_checkov=False, today=TODAY)
    assert any("Kubernetes rules: helm is missing" in text for text in report.not_run)


def test_values_that_a_chart_refuses_are_a_finding(synth_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(synth_dir, folder)
    file = folder / "stacks/acme-prod-serving/cdk.tf.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    document["resource"]["helm_release"]["chat"]["values"] = ['{"replicas": "many", "nothing": 1}']
    file.write_text(json.dumps(document), encoding="utf-8")
    report = check([prod_plan()], folder, use_checkov=False, today=TODAY)
    (item,) = (item for item in report.open if item.rule == "LLM_SRV_74")
    assert item.spec_path == "endpoints.chat"
    assert "helm cannot render" in item.found


def test_findings_are_located_in_the_spec_file(broken: Path) -> None:
    report = check([prod_plan()], broken, use_checkov=False, today=TODAY)
    (item,) = (item for item in report.open if item.rule == "LLM_NET_2")
    assert item.platform == "acme-prod"
    assert item.spec_path == "pools.h100"
    assert item.file == str(ROOT / "stacks/prod.py")
    declared = Path(item.file).read_text(encoding="utf-8").splitlines()
    assert declared[(item.line or 0) - 1].startswith("h100 = GpuPool(")
    assert item.address == "aws_launch_template.pool-h100"
    assert item.stack == "acme-prod-cluster"


def test_checkov_and_llminfra_say_a_thing_once(broken: Path) -> None:
    report = check([prod_plan()], broken, today=TODAY)
    on_queue = [item.rule for item in report.open if item.address == "aws_sqs_queue.interruption"]
    assert on_queue == ["LLM_SEC_6"]


def test_a_baseline_lets_known_findings_pass(broken: Path, synth_dir: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    known.write_text(dump_baseline(check([prod_plan()], broken, use_checkov=False, today=TODAY)), encoding="utf-8")
    report = check([prod_plan()], broken, use_checkov=False, baseline=known, today=TODAY)
    assert report.open == ()
    assert {item.status for item in report.findings} == {Status.BASELINE}
    assert {item.rule for item in report.findings} == {"LLM_NET_2", "LLM_SEC_6"}


def test_own_rules_and_checkov_policies_of_a_folder_run(synth_dir: Path, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    python = next(part for part in text.split("```python\n")[1:] if "@rule(" in part).partition("```")[0]
    (tmp_path / "tags.py").write_text(python, encoding="utf-8")
    (tmp_path / "buckets.yaml").write_text(text.split("```yaml\n")[1].partition("```")[0], encoding="utf-8")
    report = check([prod_plan()], synth_dir, external_dirs=[tmp_path], today=TODAY)
    assert {item.rule: item.spec_path for item in report.open} == {
        "ACME_TAG_1": "tags",
        "ACME_S3_1": "storage.acme-llm-weights",
    }


def test_a_process_that_ended_is_a_tool_error() -> None:
    process = preload()
    assert process is not None
    process.close()
    with pytest.raises(ToolError, match="gave no answer"):
        process.run(terraform_json=[], kubernetes=[], secrets=[], external_dirs=[])


def test_a_preloaded_process_is_ended_when_the_folder_is_wrong(tmp_path: Path) -> None:
    process = preload()
    assert process is not None
    with pytest.raises(UsageError):
        check([prod_plan()], tmp_path, checkov=process)
    assert process.ended


def test_a_python_without_checkov_is_said(synth_dir: Path) -> None:
    report = check([prod_plan()], synth_dir, checkov=CheckovProcess("/usr/bin/false"), today=TODAY)
    assert any(text.startswith("checkov: checkov's process") for text in report.not_run)
    assert report.open == ()


def test_an_interpreter_that_is_not_there_is_a_tool_error() -> None:
    with pytest.raises(ToolError, match="cannot start"):
        CheckovProcess("/nothing/python")


def test_another_python_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMINFRA_CHECKOV_PYTHON", sys.executable)
    process = preload()
    assert process is not None
    process.close()
    assert process.ended


def test_the_process_sees_no_secrets_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    shown = tmp_path / "environment"
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\nenv > {shown}\n", encoding="utf-8")
    script.chmod(0o755)
    process = CheckovProcess(str(script))
    with pytest.raises(ToolError):
        process.run(terraform_json=[], kubernetes=[], secrets=[], external_dirs=[])
    assert "AWS_SECRET_ACCESS_KEY" not in shown.read_text(encoding="utf-8")
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == "x"
