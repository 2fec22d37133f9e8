"""Guards on a real plan: what it would lose."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.diagnostics import Severity, UsageError
from llminfra.policy import Status, check_plan_file
from llminfra.rules import by_code
from tests.policy.findings import TODAY, platform, waiver


def change(kind: str, *actions: str, name: str = "x", mode: str = "managed", **more: Any) -> dict[str, Any]:
    """One entry of ``resource_changes``."""
    return {
        "address": f"{kind}.{name}",
        "mode": mode,
        "type": kind,
        "name": name,
        "change": {"actions": list(actions), **more},
    }


def cluster(key: str) -> dict[str, Any]:
    """A cluster whose secrets are under a key."""
    return {"encryption_config": [{"provider": [{"key_arn": key}], "resources": ["secrets"]}]}


def server(**values: Any) -> dict[str, Any]:
    """The release of an endpoint with one replica, which stops before the next one starts."""
    return {"chart": "./charts/llm-server", "values": [json.dumps({"rollout": {"maxSurge": 0}, **values})]}


def contract(model: str) -> dict[str, Any]:
    """The parameter that says how an endpoint is called."""
    return {"insecure_value": json.dumps({"protocol": "openai", "model": model})}


def plan_file(folder: Path, *changes: dict[str, Any]) -> Path:
    file = folder / "plan.json"
    document = {"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": list(changes)}
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (change("aws_s3_bucket", "delete"), "LLM_GUARD_1"),
        (change("aws_kms_key", "delete"), "LLM_GUARD_1"),
        (change("aws_fsx_lustre_file_system", "delete", "create"), "LLM_GUARD_2"),
        (change("aws_eks_cluster", "create", "delete"), "LLM_GUARD_2"),
        (change("aws_eks_node_group", "delete", "create"), "LLM_GUARD_3"),
        (change("aws_eks_node_group", "delete"), "LLM_GUARD_3"),
        (change("helm_release", "delete"), "LLM_GUARD_3"),
        (change("aws_launch_template", "delete", "create"), "LLM_GUARD_3"),
        (change("aws_prometheus_workspace", "delete", "create"), "LLM_GUARD_2"),
        (change("aws_eks_cluster", "update", before=cluster("a"), after=cluster("b")), "LLM_GUARD_4"),
        (change("aws_eks_cluster", "update", before=cluster("a"), after={}), "LLM_GUARD_4"),
        (
            change("helm_release", "update", before=server(args=["s3://a"]), after=server(args=["s3://b"])),
            "LLM_GUARD_5",
        ),
        (change("aws_eks_cluster", "update", before={"version": "1.33"}, after={"version": "1.34"}), "LLM_GUARD_6"),
        (change("aws_eks_cluster", "update", before={"version": "1.34"}, after={"version": "1.33"}), "LLM_GUARD_7"),
        (change("aws_ssm_parameter", "update", before=contract("a"), after=contract("b")), "LLM_GUARD_9"),
        (change("aws_lb", "delete"), "LLM_GUARD_9"),
        (change("aws_sagemaker_endpoint", "delete"), "LLM_GUARD_9"),
    ],
)
def test_dangerous_changes_are_found(tmp_path: Path, entry: dict[str, Any], code: str) -> None:
    report = check_plan_file(plan_file(tmp_path, entry))
    (item,) = report.findings
    assert item.rule == code
    assert item.address == entry["address"]
    assert item.severity is by_code()[code].severity
    assert bool(report.failures()) is (item.severity is not Severity.INFO)


@pytest.mark.parametrize(
    "entry",
    [
        change("aws_s3_bucket", "create"),
        change("aws_s3_bucket", "update"),
        change("aws_eks_cluster", "update", before=cluster("a"), after=cluster("a")),
        change("aws_eks_cluster", "update", before={}, after=cluster("a")),
        change("aws_eks_cluster", "update"),
        change("aws_s3_bucket", "no-op"),
        change("aws_iam_role", "delete", "create"),
        change("aws_launch_template", "delete"),
        change("aws_sagemaker_endpoint_configuration", "delete", "create"),
        change("helm_release", "delete", before={"chart": "keda"}),
        change("aws_s3_bucket", "forget"),
        change("aws_s3_bucket", "delete", mode="data"),
    ],
)
def test_other_changes_pass(tmp_path: Path, entry: dict[str, Any]) -> None:
    assert check_plan_file(plan_file(tmp_path, entry)).findings == ()


def test_the_argument_that_forces_the_replacement_is_named(tmp_path: Path) -> None:
    entry = change("aws_vpc", "delete", "create", replace_paths=[["cidr_block"], ["tags", "x", 0]])
    (item,) = check_plan_file(plan_file(tmp_path, entry)).findings
    assert item.found == "forced by cidr_block, tags.x.0"


def test_a_waiver_lets_one_address_pass(tmp_path: Path) -> None:
    file = plan_file(tmp_path, change("aws_s3_bucket", "delete"), change("aws_s3_bucket", "delete", name="y"))
    accepted = platform(waiver(rule="LLM_GUARD_1", scope="aws_s3_bucket.x"))
    report = check_plan_file(file, [accepted], today=TODAY)
    assert {item.address: item.status for item in report.findings} == {
        "aws_s3_bucket.x": Status.WAIVED,
        "aws_s3_bucket.y": Status.OPEN,
    }


def test_an_expired_waiver_accepts_nothing_and_is_told(tmp_path: Path) -> None:
    file = plan_file(tmp_path, change("aws_s3_bucket", "delete"))
    old = platform(waiver(rule="LLM_GUARD_1", expires=dt.date(2026, 11, 22)))
    (item,) = check_plan_file(file, [old], today=TODAY).findings
    assert item.status is Status.OPEN
    assert item.message.startswith("aws_s3_bucket.x: destroying it loses the bucket")
    assert item.message.endswith("; the waiver of security expired on 2026-11-22")


def test_waivers_for_other_rules_are_not_called_unused(tmp_path: Path) -> None:
    report = check_plan_file(plan_file(tmp_path), [platform(waiver(rule="CKV_AWS_18"))], today=TODAY)
    assert report.findings == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("[]", "is not the output"),
        ('{"resource_changes": []}', "is not the output"),
        ('{"format_version": "1.2", "resource_changes": 3}', "is not the output"),
        ('{"format_version": "1.0", "terraform_version": "1.11.4", "values": {}}', "shows a state"),
    ],
)
def test_what_is_no_plan_is_a_usage_error(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        check_plan_file(file)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        check_plan_file(tmp_path / "gone.json")


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["address", "mode", "type", "change"]),
            st.none()
            | st.text(max_size=5)
            | st.dictionaries(st.sampled_from(["actions"]), st.lists(st.text(max_size=6))),
        )
        | st.none()
    )
)
def test_odd_entries_are_passed_over(tmp_path_factory: pytest.TempPathFactory, entries: list[Any]) -> None:
    check_plan_file(plan_file(tmp_path_factory.mktemp("plan"), *entries))
