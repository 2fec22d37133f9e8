"""Fixes: a diff that applies, ends the finding, and touches nothing else."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.loading.load import load
from llminfra.planning.platform import plan_platform
from llminfra.policy import PolicyFinding, PolicyReport, propose_fixes
from llminfra.policy.fixes import Edit, apply_edit
from llminfra.policy.report import ordered
from llminfra.rules import run_plan

SPEC = """
from llminfra import (
    VLLM, Autoscaling, Endpoint, GpuPool, Model, ModelBucket, Network, Platform, Spot,
)

# The pool; ümläute before the call move byte columns.
l40s = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(1, 4), capacity=Spot(fallback_on_demand=False))
idle = GpuPool(
    name="idle",
    instance_types=["g6.xlarge"],
    nodes=(2, 3),
)
weights = ModelBucket(name="acme-weights")
platform = Platform(
    name="acme",
    region="us-east-1",
    network=Network(cidr="10.0.0.0/16", flow_logs_days=0),
    pools=[l40s, idle],
    storage=[weights],
    observability=None,
)
platform.add(
    Endpoint(
        name="chat",
        model=Model(id="Qwen/Qwen3-8B", revision="b968826d9c46dd6066d109eabc6255188de91218", trust_remote_code=True),
        engine=VLLM(max_model_len=8192),
        on=l40s,
        replicas=Autoscaling(min=0, max=4, cooldown_s=60),
    )
)
"""


def findings(spec: Path) -> tuple[PolicyReport, object]:
    (platform,) = load(spec).platforms
    plan = plan_platform(platform)
    found = [
        PolicyFinding(
            rule=item.code,
            title="",
            severity=item.severity,
            message=item.message,
            platform="acme",
            spec_path=item.path,
            found=item.found,
            expected=item.expected,
        )
        for item in run_plan(plan)
    ]
    return PolicyReport(findings=ordered(found)), plan


def test_the_diff_applies_and_ends_every_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = tmp_path / "spec.py"
    spec.write_text(SPEC, encoding="utf-8")
    before = {item.rule for item in findings(spec)[0].open}
    # Spot without fallback (LLM_CAP_13) is a finding only once a replica must run.
    assert before == {
        "LLM_CAP_7",
        "LLM_CAP_18",
        "LLM_NET_12",
        "LLM_OBS_1",
        "LLM_SRV_11",
        "LLM_SRV_69",
        "LLM_SRV_70",
    }
    for _ in range(2):
        report, plan = findings(spec)
        proposal = propose_fixes(report, [plan])  # type: ignore[list-item]  # the helper returns an object
        # Who declared a pool for nobody has forgotten something, and knows what.
        assert {item.rule for item, _ in proposal.left} == {"LLM_CAP_18"}
        (tmp_path / "fix.diff").write_text(proposal.diff, encoding="utf-8")
        subprocess.run(["git", "apply", "fix.diff"], cwd=tmp_path, check=True)
        if {item.rule for item in findings(spec)[0].open} == {"LLM_CAP_18"}:
            break
    assert {item.rule for item in findings(spec)[0].open} == {"LLM_CAP_18"}
    text = spec.read_text(encoding="utf-8")
    assert "trust_remote_code" not in text
    assert "flow_logs_days=365" in text
    assert "fallback_on_demand=True" in text
    assert "# The pool; ümläute" in text


def test_nothing_is_written(tmp_path: Path) -> None:
    spec = tmp_path / "spec.py"
    spec.write_text(SPEC, encoding="utf-8")
    report, plan = findings(spec)
    assert re.match(r"--- a/[^/]", propose_fixes(report, [plan]).diff)  # type: ignore[list-item]  # the helper returns an object
    assert spec.read_text(encoding="utf-8") == SPEC


def test_what_needs_a_decision_is_left(tmp_path: Path) -> None:
    spec = tmp_path / "spec.py"
    spec.write_text(SPEC, encoding="utf-8")
    _, plan = findings(spec)
    item = PolicyFinding(rule="LLM_SRV_2", title="", severity="error", message="m", platform="acme")  # type: ignore[arg-type]  # the name of a severity
    proposal = propose_fixes(PolicyReport(findings=(item,)), [plan])  # type: ignore[list-item]  # the helper returns an object
    assert proposal.diff == ""
    assert proposal.left == ((item, "needs a decision"),)


@pytest.mark.parametrize(
    ("source", "edit", "wanted"),
    [
        ("f(a=1)", Edit("", "a", "2"), "f(a=2)"),
        ("f()", Edit("", "a", "2"), "f(a=2)"),
        ("f(x)", Edit("", "a", "2"), "f(x, a=2)"),
        ("f(x,)", Edit("", "a", "2"), "f(x, a=2,)"),
        ("f(a=1, b=2)", Edit("", "a", None), "f(b=2)"),
        ("f(b=2, a=1)", Edit("", "a", None), "f(b=2)"),
        ("f(a=1)", Edit("", "a", None), "f()"),
        ("f(\n    a=1,\n    b=2,\n)", Edit("", "a", None), "f(\n    b=2,\n)"),
        ("f(\n    b=2,\n    a=1\n)", Edit("", "a", None), "f(\n    b=2\n)"),
        ('f(é="ü", a=1)', Edit("", "a", "2"), 'f(é="ü", a=2)'),
        ('f(env={"A": "1", "B": "2"})', Edit("", "env[A]", None), 'f(env={"B": "2"})'),
        ('f(env={"A": "1", "B": "2"})', Edit("", "env[B]", None), 'f(env={"A": "1"})'),
    ],
)
def test_edits(source: str, edit: Edit, wanted: str) -> None:
    assert apply_edit(source, 1, "f", edit) == wanted


@pytest.mark.parametrize(
    ("source", "edit"),
    [
        ("f(**rest)", Edit("", "a", "1")),
        ("f(a=1); f(a=2)", Edit("", "a", "1")),
        ("g(a=1)", Edit("", "a", "1")),
        ("f(b=1)", Edit("", "a", None)),
        ("f(env=ENV)", Edit("", "env[A]", None)),
        ('f(env={"B": "1"})', Edit("", "env[A]", None)),
        ("f(", Edit("", "a", "1")),
    ],
)
def test_what_is_not_written_out_is_left_alone(source: str, edit: Edit) -> None:
    assert apply_edit(source, 1, "f", edit) is None


NAMES = st.sampled_from(["a", "b", "c", "d"])


@given(st.dictionaries(NAMES, st.integers(), max_size=4), NAMES, st.none() | st.integers(), st.booleans())
def test_an_edit_changes_one_argument_and_stays_python(
    given_arguments: dict[str, int], name: str, value: int | None, over_lines: bool
) -> None:
    inside = (",\n    " if over_lines else ", ").join(f"{key}={number}" for key, number in given_arguments.items())
    source = f"x = f(\n    {inside},\n)\n" if over_lines and inside else f"x = f({inside})\n"
    changed = apply_edit(source, 1, "f", Edit("", name, None if value is None else str(value)))
    if changed is None:
        assert value is None
        assert name not in given_arguments
        return
    call = ast.parse(changed).body[0].value  # type: ignore[attr-defined]  # one expression
    held = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    wanted = {key: number for key, number in given_arguments.items() if key != name}
    assert held == (wanted if value is None else {**wanted, name: value})
