"""``llminfra explain PATH``: what a field means, and what a spec and its plan have there."""

import json
from pathlib import Path

import pytest

from tests.cli.run import Run
from tests.cli.specs import GOOD, write

SPEC = """\
name: acme
region: us-east-1
models:
  small: {id: Qwen/Qwen3-8B}
pools:
  l40s:
    instance_types: [g6e.12xlarge]
    nodes: [0, 2]
endpoints:
  chat:
    model: small
    engine: {kind: vllm, max_model_len: 16384}
    on: l40s
"""


def test_a_path_without_a_spec_says_what_the_field_means(run: Run) -> None:
    result = run("explain", "endpoints.chat.engine.max_model_len")
    assert result.code == 0
    for told in (
        "Context length in tokens, prompt and output together",
        "VLLM.max_model_len, SGLang.max_model_len",
        "unit: tokens",
        "default: None",
        "LLM_FIT_4    error    The context length is within the model's",
    ):
        assert told in result.out


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("endpoints.chat.engine.max_model_len", "Value  16384, given at spec.yaml:12"),
        ("endpoints.chat.engine.gpu_memory_utilization", "Value  None, the default; nothing is given at spec.yaml:12"),
        ("endpoints.chat.engine.gpu_memory_utilization", "planned: 0.92"),
        ("pools.l40s.zones", "planned: us-east-1a, us-east-1b, us-east-1c"),
        ("endpoints.chat.parallelism", "planned: Parallelism(tensor=1): fewest GPUs that hold"),
        ("models.small.id", "Value  'Qwen/Qwen3-8B', given at spec.yaml:4"),
        ("pools.l40s", "  nodes            given    (0, 2)\n"),
        ("endpoints.chat.weights", "Findings there"),
    ],
)
def test_a_path_of_a_spec_says_what_stands_there(path: str, told: str, workdir: Path, run: Run) -> None:
    write(workdir, SPEC, "spec.yaml")
    result = run("explain", path, "spec.yaml")
    assert (result.code, result.err) == (0, "")
    assert told in result.out


def test_a_spec_that_cannot_be_planned_still_says_what_stands_there(workdir: Path, run: Run) -> None:
    write(workdir, SPEC.replace("nodes: [0, 2]", "nodes: many"), "spec.yaml")
    out = run("explain", "endpoints.chat.engine.max_model_len", "spec.yaml").out
    assert "Value  16384, given at spec.yaml:12" in out
    assert "1 error stops the plan" in out
    refused = run("explain", "pools.l40s.nodes", "spec.yaml")
    assert refused.code == 0
    assert "Value  not known, refused at spec.yaml:8, see the findings" in refused.out
    assert "error LLM_SPEC_1 at pools.l40s.nodes" in refused.out


def test_the_page_of_a_path_as_json(workdir: Path, run: Run) -> None:
    told = json.loads(run("explain", "pools.l40s.root_volume_gib", write(workdir, SPEC, "spec.yaml"), "--json").out)
    assert told["fields"][0]["type"] == "GpuPool"
    assert told["fields"][0]["unit"] == "GiB"
    (value,) = told["values"]
    assert (value["platform"], value["source"], value["value"]) == ("acme", "default", "None")
    assert int(value["planned"]) >= 20
    assert "LLM_STO_8" in {rule["code"] for rule in told["rules"]}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("endpoints.chatt.on",), "did you mean endpoints.chat.on?"),
        (("pools.l40s.node",), "GpuPool has no field 'node'; did you mean pools.l40s.nodes?"),
        (("LLM_FIT_1",), "LLM_FIT_1 is a rule, whose page needs no spec"),
    ],
)
def test_a_wrong_path_is_a_wrong_call(arguments: tuple[str, ...], told: str, workdir: Path, run: Run) -> None:
    result = run("explain", *arguments, write(workdir, SPEC, "spec.yaml"))
    assert (result.code, result.out) == (2, "")
    assert told in result.err


def test_a_path_by_its_end_is_found(run: Run) -> None:
    result = run("explain", "engine.max_model_len")
    assert result.code == 2
    assert "did you mean endpoints.NAME.engine.max_model_len" in result.err


def test_a_spec_that_cannot_be_read_tells_its_errors(workdir: Path, run: Run) -> None:
    result = run("explain", "region", write(workdir, "name: [", "spec.yaml"))
    assert result.code == 1
    assert "LLM_SPEC_5" in result.err
    assert run("explain", "region", "missing.yaml").code == 2


def test_a_spec_is_read_once(workdir: Path, run: Run) -> None:
    counted = "with open('runs', 'a', encoding='utf-8') as file:\n    file.write('x')\n"
    write(workdir, counted + GOOD)
    assert run("explain", "region", "spec.py").code == 0
    assert (workdir / "runs").read_text(encoding="utf-8") == "x"
