"""Fixes of YAML specs: one value changes, everything else stays as it was written."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from llminfra.loading.load import load
from llminfra.policy import propose_fixes
from llminfra.policy.locate import argument_line
from llminfra.policy.yaml_fixes import apply_yaml_edit, key_line
from tests.policy.test_fixes import findings

SPEC = """\
# The platform of ümläute.
name: acme
region: us-east-1   # where the GPUs are
network:
  cidr: 10.0.0.0/16
  flow_logs_days: 0 # none yet
observability: null

models:
  qwen: {id: Qwen/Qwen3-8B, revision: b968826d9c46dd6066d109eabc6255188de91218, trust_remote_code: true}
pools:
  l40s:
    instance_types: [g6e.12xlarge]
    nodes: [1, 4]
    capacity: {kind: spot, fallback_on_demand: false} # cheap
  idle: # for later
    instance_types:
      - g6.xlarge # the small one
    nodes: [2, 3]
storage:
  acme-weights: {kind: bucket}
endpoints:
  chat:
    model: qwen
    engine: {kind: vllm, max_model_len: 8192}
    on: l40s
    # Follows the load.
    replicas: {min: 0, max: 4, cooldown_s: 60}
"""


@pytest.mark.parametrize(("provisioner", "edited"), [("karpenter", True), ("managed", False)])
def test_spot_falls_back_where_something_else_is_bought(tmp_path: Path, provisioner: str, edited: bool) -> None:
    spec = tmp_path / "spec.yaml"
    pool = f"    provisioner: {provisioner}\n    capacity: {{kind: spot"
    spec.write_text(SPEC.replace("min: 0", "min: 1").replace("    capacity: {kind: spot", pool), encoding="utf-8")
    report, plan = findings(spec)
    assert "LLM_CAP_13" in {item.rule for item in report.open}
    proposal = propose_fixes(report, [plan])  # type: ignore[list-item]  # the fixture's plan is an object
    assert ("fallback_on_demand: true" in proposal.diff) is edited
    assert ("LLM_CAP_13" in {item.rule for item, _ in proposal.left}) is not edited


def test_the_diff_applies_and_ends_every_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    before = {item.rule for item in findings(spec)[0].open}
    assert before == {"LLM_CAP_7", "LLM_CAP_18", "LLM_NET_12", "LLM_OBS_1", "LLM_SRV_11", "LLM_SRV_69", "LLM_SRV_70"}
    for _ in range(2):
        report, plan = findings(spec)
        proposal = propose_fixes(report, [plan])  # type: ignore[list-item]  # the fixture's plan is an object
        assert {item.rule for item, _ in proposal.left} == {"LLM_CAP_18"}
        (tmp_path / "fix.diff").write_text(proposal.diff, encoding="utf-8")
        subprocess.run(["git", "apply", "fix.diff"], cwd=tmp_path, check=True)
        if {item.rule for item in findings(spec)[0].open} == {"LLM_CAP_18"}:
            break
    assert {item.rule for item in findings(spec)[0].open} == {"LLM_CAP_18"}
    after = spec.read_text(encoding="utf-8")
    assert "revision: b968826d9c46dd6066d109eabc6255188de91218}" in after
    assert "flow_logs_days: 365 # none yet" in after
    assert "fallback_on_demand: true} # cheap" in after
    assert "observability" not in after
    assert after.splitlines()[3].startswith("budget_usd_per_month: ")
    comments = [line.partition("#")[2] for line in SPEC.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in after.splitlines() if "#" in line] == comments


@pytest.mark.parametrize(
    ("body", "path", "argument", "value", "wanted"),
    [
        ("a: 1\n", "", "a", "2", "a: 2\n"),
        ("a: 1 # why\nb: 2\n", "", "a", "2", "a: 2 # why\nb: 2\n"),
        ("b: 2 # why\nlist:\n  - 1\n", "", "a", "True", "b: 2 # why\na: true\nlist:\n  - 1\n"),
        ("a:\n  - 1\n  - 2\nb: 1\n", "", "a", "(0, 4)", "a: [0, 4]\nb: 1\n"),
        ("a: 1\nb: 2 # why\nc: 3\n", "", "b", None, "a: 1\nc: 3\n"),
        ("a: {x: 1}\n", "a", "y", "'w'", 'a: {x: 1, y: "w"}\n'),
        ("a: {}\n", "a", "y", "1", "a: {y: 1}\n"),
        ("a: spot\n", "a", "y", "True", "a: {kind: spot, y: true}\n"),
        ("a: {x: 1, y: 2, z: 3}\n", "a", "y", None, "a: {x: 1, z: 3}\n"),
        ("a: {x: 1, y: 2}\n", "a", "y", None, "a: {x: 1}\n"),
        ("pools:\n  p:\n", "pools.p", "y", "1_500", "pools:\n  p: {y: 1500}\n"),
        ("pools:\n- name: q\n  x: 1\n- name: p\n  x: 1\n", "pools.p", "x", "2",
         "pools:\n- name: q\n  x: 1\n- name: p\n  x: 2\n"),
        ("storage:\n  a.b: {x: 1}\n", "storage.a.b", "x", "2", "storage:\n  a.b: {x: 2}\n"),
        ("a:\n  env: {A: '1', B: '2'}\n", "a", "env[A]", None, "a:\n  env: {B: '2'}\n"),
        ("models:\n  m: {id: x, y: 1}\nendpoints:\n  e: {model: m}\n", "endpoints.e.model", "y", None,
         "models:\n  m: {id: x}\nendpoints:\n  e: {model: m}\n"),
        ("pools:\n  b: {x: 1}\n  p:\n    extends: b\n", "pools.p", "x", "2",
         "pools:\n  b: {x: 1}\n  p:\n    extends: b\n    x: 2\n"),
    ],
)  # fmt: skip
def test_edits(body: str, path: str, argument: str, value: str | None, wanted: str) -> None:
    assert apply_yaml_edit(f"name: n\n{body}", "n", path, argument, value) == f"name: n\n{wanted}"


@pytest.mark.parametrize(
    ("body", "path", "argument", "value"),
    [
        ("a: &x {v: 1}\nb: *x\n", "b", "v", "2"),  # stands elsewhere
        ("a: &x {v: 1}\nb: *x\n", "a", "v", "2"),  # two would change
        ("x-a: &x {v: 1}\nb:\n  <<: *x\n  w: 1\nc: {<<: *x}\n", "x-a", "v", "2"),
        ("a:\n  # why\n  - 1\n", "", "a", "2"),  # the comment would go
        ("a:\n  - 1 # why\n  - 2\n", "", "a", "2"),
        ("a: |\n  text\n", "", "a", "2"),
        ("a: {x: 1}\n", "a", "x", None),  # nothing would be left
        ("a: {x: 1}\n", "b", "x", "1"),
        ("a: {x: 1}\n", "a", "y", None),
        ("pools:\n  b: {x: 1, y: 1}\n  p: {extends: b}\n", "pools.b", "x", "2"),  # p would change with it
        ("a: [\n", "a", "x", "1"),
        ("pools:\n- x: 1\n  name: p\n", "pools.p", "x", None),  # stands behind the dash
    ],
)
def test_what_is_unclear_is_left_alone(body: str, path: str, argument: str, value: str | None) -> None:
    assert apply_yaml_edit(f"name: n\n{body}", "n", path, argument, value) is None


def test_platforms_of_one_file_are_told_apart() -> None:
    source = "platforms:\n  a: {region: r1}\n  b: {region: r1}\n"
    assert apply_yaml_edit(source, "b", "", "region", "'r2'") == 'platforms:\n  a: {region: r1}\n  b: {region: "r2"}\n'
    assert apply_yaml_edit(source, "c", "", "region", "'r2'") is None


def test_json_stays_json() -> None:
    source = '{"name": "n", "pools": {"p": {"nodes": [1, 2]}}}'
    changed = apply_yaml_edit(source, "n", "pools.p", "raid", "True", as_json=True)
    assert changed == '{"name": "n", "pools": {"p": {"nodes": [1, 2], "raid": true}}}'


KEYS = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.integers(0, 9) | st.booleans() | st.lists(st.integers(0, 9), min_size=1, max_size=3)


@given(
    st.dictionaries(KEYS, VALUES, max_size=4), KEYS, st.none() | st.sampled_from(["1", "True", "[4, 5]"]), st.booleans()
)
def test_an_edit_changes_one_key_and_stays_yaml(
    held: dict[str, object], key: str, value: str | None, flow: bool
) -> None:
    source = yaml.safe_dump({"name": "n", "pools": {"p": held}}, sort_keys=False, default_flow_style=flow)
    changed = apply_yaml_edit(source, "n", "pools.p", key, value)
    if changed is None:
        same = value is not None and held.get(key, object()) == yaml.safe_load(value)
        assert same or (value is None and (key not in held or len(held) == 1))
        return
    wanted = {name: each for name, each in held.items() if name != key}
    assert yaml.safe_load(changed)["pools"]["p"] == (wanted if value is None else {**held, key: yaml.safe_load(value)})


def test_findings_point_to_the_line_of_the_key(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    (platform,) = load(spec).platforms
    lines = SPEC.splitlines()
    network, pool, endpoint = platform.network, platform.pools[1], platform.workloads[0]
    for item, path, text in (
        (network, "network.flow_logs_days", "  flow_logs_days: 0 # none yet"),
        (pool, "pools.idle.nodes", "    nodes: [2, 3]"),
        (endpoint, "endpoints.chat.replicas.cooldown_s", "    replicas: {min: 0, max: 4, cooldown_s: 60}"),
    ):
        assert item.origin is not None
        assert lines[argument_line(str(spec), item.origin[1], path) - 1] == text
    assert key_line("a: [", 1, "a.b") == 1
    assert argument_line(str(tmp_path / "missing.yaml"), 7, "a.b") == 7
