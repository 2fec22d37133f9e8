"""Fixes that a finding tells can be followed, and the line that it names is the one to change."""

import json
from pathlib import Path

import pytest

from llminfra.diagnostics import Diagnostic, SpecError
from llminfra.planning.memory import fit_jsonl
from llminfra.planning.specs import plan_specs

SPEC = """from llminfra import VLLM, Endpoint, GpuPool, Lustre, Model, ModelBucket, Platform, SageMaker

pool = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(0, 4))
bucket = ModelBucket(name="acme-llm-weights")
platform = Platform(name="acme", region="us-east-1", pools=[pool], storage=[bucket])
platform.add(Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(max_model_len=8192), on=pool))
"""


def finding(tmp_path: Path, old: str, new: str) -> Diagnostic:
    assert old in SPEC
    file = tmp_path / "spec.py"
    file.write_text(SPEC.replace(old, new))
    with pytest.raises(SpecError) as caught:
        plan_specs([file])
    (item,) = caught.value.diagnostics
    return item


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "fix"),
    [
        ("on=pool)", "on=pol)", "LLM_SPEC_6", 6, "did you mean pool?"),
        ("= GpuPool(", "= GpuPol(", "LLM_SPEC_6", 3, "did you mean GpuPool?"),
        ("pool = ", "x = Cluste()\npool = ", "LLM_SPEC_6", 3, "did you mean Cluster, imported from llminfra?"),
        ('name="acme"', f'name="{"a" * 30}"', "LLM_SPEC_1", 5, f"write {'a' * 24!r}"),
        ("(0, 4))", '(0, 4), zones=["us-east-1z"])', "LLM_NET_20", 3, "use one of us-east-1a, us-east-1b, us-east-1c"),
        ('"g6e.12xlarge"]', '"g6e.12xlarge", "g6e.12xlarge"]', "LLM_SPEC_4", 3, "remove the second 'g6e.12xlarge'"),
        ("[pool]", "[pool, pool]", "LLM_SPEC_4", 3, "remove one of the two 'l40s'"),
    ],
)  # fmt: skip
def test_the_fix_names_what_was_meant(tmp_path: Path, old: str, new: str, code: str, line: int, fix: str) -> None:
    item = finding(tmp_path, old, new)
    assert (item.code, item.line, item.fix) == (code, line, fix)


@pytest.mark.parametrize(
    ("given", "fix", "unknown_to_ec2"),
    [
        ("ml.g6e.12xlarge", "write g6e.12xlarge", True),
        ("G6E.12xlarge", "write g6e.12xlarge", True),
        ("g5g.xlarge", "use g5.xlarge, or another type with NVIDIA GPUs", False),
        ("trn2.48xlarge", "use g6e.12xlarge, for example", False),
        ("H100", "use p5.4xlarge, or another type with NVIDIA GPUs", True),
    ],
)
def test_a_type_that_cannot_be_used_has_one_that_can(
    tmp_path: Path, given: str, fix: str, unknown_to_ec2: bool
) -> None:
    item = finding(tmp_path, "g6e.12xlarge", given)
    assert (item.code, item.fix, item.runtime_message is not None) == ("LLM_CAP_20", fix, unknown_to_ec2)


def test_sagemaker_is_told_a_type_of_its_own(tmp_path: Path) -> None:
    item = finding(tmp_path, "on=pool)", 'on=SageMaker(instance_type="ml.m5.large"))')
    assert (item.code, item.fix) == ("LLM_CAP_40", "use a GPU type, for example ml.g6e.12xlarge")


def test_a_slip_of_an_engines_flag_is_no_key_to_ignore() -> None:
    case = {"model": "Qwen/Qwen3-8B", "gpu": "L4", "tensor_paralel_size": 2}
    (line,) = fit_jsonl([json.dumps(case)])
    assert "did you mean `tensor_parallel`?" in json.loads(line)["error"]


def test_the_spec_of_these_tests_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "spec.py"
    file.write_text(SPEC)
    assert len(plan_specs([file])) == 1
