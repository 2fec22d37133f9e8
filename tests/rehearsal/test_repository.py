"""Every platform of this repository goes through the whole cycle."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from llminfra.rehearsal import rehearse
from tests.helpers.example_plans import ROOT as _ROOT
from tests.helpers.synthesized import Synthesized

_SPECS = sorted([*(_ROOT / "stacks").glob("*.py"), *(_ROOT / "examples").glob("*/spec.*")])
# What an endpoint adds: its server and the copy of its weights, their roles, and its contract.
_IDENTITY = Counter(aws_eks_pod_identity_association=1, terraform_data=1, aws_iam_role=1, aws_iam_role_policy=1)
_ENDPOINT = Counter(helm_release=2, aws_ssm_parameter=1) + _IDENTITY + _IDENTITY
# These have the resources of quickstart and some of the same kinds more: Terraform reads them, and does the cycle with
# that.
_READ = {
    **{name: Counter(helm_release=1) for name in ("custom-server", "tensorrt-llm", "tgi")},
    # On spot Karpenter may make EC2's own role, as in stacks/prod.py.
    "sglang": Counter(helm_release=1, aws_iam_role_policy=1),
    # The same, and a second endpoint that serves the same copy of the weights.
    "yaml-spec": Counter(helm_release=2, aws_iam_role_policy=1, aws_ssm_parameter=1) + _IDENTITY,
    "embeddings": Counter(helm_release=1) + _ENDPOINT + _ENDPOINT,
    "deepspeed": Counter(helm_release=2, aws_ssm_parameter=1) + _IDENTITY,
    "lora": Counter(helm_release=2, aws_iam_role_policy=1) + _IDENTITY,
}


def test_there_are_platforms_to_rehearse() -> None:
    assert {path.name for path in _SPECS} >= {"prod.py", "spec.py", "spec.yaml"}
    assert {path.parent.name for path in _SPECS} >= set(_READ)


def _resources(out: Path) -> Counter[str]:
    """How many resources of each type the stacks have."""
    stacks = [json.loads(path.read_text(encoding="utf-8")) for path in (out / "stacks").glob("*/cdk.tf.json")]
    return Counter(kind for stack in stacks for kind, items in stack.get("resource", {}).items() for _ in items)


@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.parametrize("spec", _SPECS, ids=lambda path: path.relative_to(_ROOT).as_posix())
def test_platform_applies_idempotently_and_leaves_nothing(synthesized: Synthesized, spec: Path) -> None:
    out = synthesized(spec)
    report = rehearse(out, validate_only=spec.parent.name in _READ)
    assert report.ok, "\n".join(map(str, report.errors))
    if spec.parent.name in _READ:
        assert all(step.ok for stack in report.stacks for step in stack.steps)
        assert {step.name for stack in report.stacks for step in stack.steps} == {"init", "validate"}
        rehearsed = synthesized(_ROOT / "examples" / "quickstart" / "spec.py")
        assert _resources(out) == _resources(rehearsed) + _READ[spec.parent.name]
        return
    for stack in report.stacks:
        steps = {step.name: step for step in stack.steps}
        assert steps["second plan"].ok, stack.name
        assert steps["destroy"].removed == steps["apply"].added == stack.resources
