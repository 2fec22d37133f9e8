"""Dangerous changes of a rehearsal: what fails, and what a waiver lets pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llminfra import plan_specs
from llminfra.cli.work.guards import judged_changes
from llminfra.policy import Status
from llminfra.rehearsal import Change, ChangeReport
from tests.cli.run import Run
from tests.cli.specs import write

SPEC = """
name: acme
region: us-east-1
state: {kind: local}
storage: {acme-weights: {kind: bucket}}
"""
WAIVERS = """
waivers:
  - {rule: LLM_GUARD_1, scope: storage.acme-weights, reason: Copies of public models., owner: ml, expires: 2999-01-01}
  - {rule: LLM_GUARD_8, scope: acme-serving/*, reason: Destroyed by hand on Monday., owner: ml, expires: 2999-01-01}
"""
BUCKET = Change(
    stack="acme-storage", address="aws_s3_bucket.x", action="delete", spec_path="storage.acme-weights",
    danger="it loses the bucket", rule="LLM_GUARD_1", platform="acme",
)  # fmt: skip
STACK = [
    Change(stack="acme-serving", address=f"aws_iam_role.{name}", action="delete", danger="no such stack",
           rule="LLM_GUARD_8", platform="acme")
    for name in "ab"
]  # fmt: skip
CHANGES = [BUCKET, *STACK, Change(stack="acme-storage", address="aws_iam_role.c", action="update", platform="acme")]


@pytest.mark.parametrize(
    ("before", "after", "failing"),
    [
        (SPEC, SPEC, ["LLM_GUARD_1", "LLM_GUARD_8"]),
        (SPEC, SPEC + WAIVERS, []),
        (SPEC + WAIVERS, SPEC, ["LLM_GUARD_1", "LLM_GUARD_8"]),
        (SPEC + WAIVERS, SPEC.replace("acme", "beta"), []),
    ],
    ids=["nobody", "the new spec", "the old spec is no word on the new one", "the platform goes"],
)
def test_a_waiver_of_the_spec_that_is_applied_accepts(
    tmp_path: Path, before: str, after: str, failing: list[str]
) -> None:
    old = plan_specs([write(tmp_path, before, "old.yaml")])
    new = plan_specs([write(tmp_path, after, "new.yaml")])
    report = judged_changes(CHANGES, old, new)
    assert [item.rule for item in report.failures()] == failing
    assert len(report.findings) == 2, "a stack that goes is one finding, and what is harmless none"
    assert all(item.status is (Status.OPEN if failing else Status.WAIVED) for item in report.findings)


@pytest.mark.parametrize(("after", "code"), [(SPEC, 1), (SPEC + WAIVERS, 0)])
def test_the_page_tells_who_accepted_or_how_to(
    workdir: Path, run: Run, monkeypatch: pytest.MonkeyPatch, after: str, code: int
) -> None:
    """Without Terraform: what was rehearsed is made up, and what is printed and returned of it is not."""
    report = ChangeReport(binary="terraform", changes=tuple(CHANGES), findings=(), seconds=1.0, converged=True)
    monkeypatch.setattr("llminfra.rehearsal.rehearse_change", lambda *_, **__: report)
    result = run("rehearse", write(workdir, SPEC, "old.yaml"), "--then", write(workdir, after, "new.yaml"))
    assert result.code == code
    out = " ".join(result.out.split())
    assert "3 dangerous changes" in out
    assert ("2 dangers that nobody accepted (LLM_GUARD_1, LLM_GUARD_8)" in out) is (code == 1)
    assert ('  - {rule: LLM_GUARD_8, scope: "acme-serving/*", reason: …' in result.out) is (code == 1)
    assert ("accepted by ml until 2999-01-01: Copies of" in out) is (code == 0)
    document = json.loads(run("rehearse", "old.yaml", "--then", "new.yaml", "--json").out)
    assert (document["ok"], len(document["dangers"])) == (code == 0, 2)


def test_what_a_plan_deletes_is_where_the_spec_as_applied_has_it(workdir: Path, run: Run) -> None:
    new = write(workdir, SPEC.replace("acme-weights", "acme-models"), "new.yaml")
    old = write(workdir, SPEC, "old.yaml")
    names = {"delete": "bucket-acme-weights", "create": "bucket-acme-models", "no-op": "storage"}
    entries = [
        {
            "address": f"{kind}.{name}",
            "mode": "managed",
            "type": kind,
            "change": {"actions": [action], "before": {}, "after": {}},
        }
        for action, name in names.items()
        for kind in (["aws_kms_key"] if name == "storage" else ["aws_s3_bucket", "aws_s3_bucket_versioning"])
    ]
    document = {"format_version": "1.2", "resource_changes": entries}
    (workdir / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    result = run("check", new, "--plan", "plan.json", "--before", old, "--json")
    (found,) = json.loads(result.out)["findings"]
    assert (result.code, found["rule"]) == (1, "LLM_GUARD_1")
    assert (found["stack"], found["spec_path"]) == ("acme-storage", "storage.acme-weights")
    assert found["message"].endswith("it was made for storage.acme-weights, which the spec has no more")

    wrong = run("check", new, "--before", old)
    assert wrong.code == 2
    assert "--before goes with --plan" in wrong.err
