"""Every example is a golden: what it compiles to stands beside it, and its objects are valid Kubernetes."""

import json
import re
from pathlib import Path

import pytest

from llminfra.compiler.fingerprint import digest_of
from llminfra.rules import run_plan
from tests.helpers.example_plans import ROOT, TODAY, plan_anew, plans_of
from tests.helpers.golden import assert_golden
from tests.helpers.synthesized import Synthesized

EXAMPLES = sorted([*ROOT.glob("examples/*/spec.py"), *ROOT.glob("examples/*/spec.yaml")])


def without_digests(text: str) -> str:
    """Digests of charts: the charts have goldens of their own."""
    return re.sub(r'("description": "[a-z-]+) [0-9a-f]{12}"', r'\1 <digest>"', text)


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda spec: spec.parent.name)
def test_what_an_example_is_compiled_from_has_a_digest(spec: Path) -> None:
    """By which a synthesis is found again; a plan with something of which no digest tells would not be."""
    first, second = ([digest_of(plan) for plan in plan_anew(spec)] for _ in range(2))
    assert first == second
    assert len(set(first)) == len(first) > 0


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda spec: spec.parent.name)
def test_example_compiles_to_its_golden(spec: Path, synthesized: Synthesized) -> None:
    out = synthesized(spec)
    stacks = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["stacks"]
    assert sorted(stacks) == sorted(folder.name for folder in (out / "stacks").iterdir()) != []
    expected = {f"{name}.tf.json" for name in stacks}
    for name in stacks:
        text = (out / "stacks" / name / "cdk.tf.json").read_text(encoding="utf-8")
        assert_golden(spec.parent / "expected" / f"{name}.tf.json", without_digests(text))
    assert {item.name for item in (spec.parent / "expected").iterdir()} == expected


@pytest.mark.parametrize("file", sorted(ROOT.glob("examples/**/*.py")), ids=lambda file: file.parent.name)
def test_example_says_what_it_shows(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith('"""')
    assert first.endswith('."""')
    assert len(first) > 30


def test_every_example_is_in_the_index() -> None:
    index = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    missing = [spec.parent.name for spec in EXAMPLES if f"]({spec.parent.name}/{spec.name})" not in index]
    assert missing == []


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda spec: spec.parent.name)
def test_every_finding_of_an_example_is_accepted_with_a_reason(spec: Path) -> None:
    for plan in plans_of(spec):
        accepted = {item.rule for item in plan.platform.waivers}
        assert [item for item in (*plan.diagnostics, *run_plan(plan)) if item.code not in accepted] == []
        assert all(item.expires >= TODAY and len(item.reason) >= 40 for item in plan.platform.waivers)


def test_no_reference_is_escaped() -> None:
    """``$${aws_…`` reaches AWS as text: CDKTF escapes references in arguments of functions."""
    escaped = [
        file.name
        for file in ROOT.glob("examples/*/expected/*.tf.json")
        if re.search(r"\$\$\{(data\.)?aws_", file.read_text(encoding="utf-8"))
    ]
    assert escaped == []
