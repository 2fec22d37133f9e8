"""Whose figures ``fit``, the list and a plan print where attention has copies: one rank's, or the replica's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llminfra.planning.memory import FitCase, fit_case
from tests.cli.run import Run

MODEL = "Qwen/Qwen3-30B-A3B"
ONE = ("fit", MODEL, "--gpu", "H100-80GB", "--tp", "2", "--max-model-len", "32768")
SPEC = f"""
name: p
region: us-east-1
pools: {{h100: {{instance_types: [p5.48xlarge], nodes: [0, 1]}}}}
storage: [{{kind: bucket, name: acme-w}}]
endpoints:
  chat:
    model: {{id: {MODEL}}}
    engine: {{kind: vllm, max_model_len: 32768}}
    parallelism: {{tensor: 2, data: 4}}
    on: h100
"""


def test_one_configuration_tells_both_figures(run: Run) -> None:
    alone = json.loads(run(*ONE, "--json").out)
    assert alone["replica_concurrency"] == alone["max_concurrency"]
    shared = json.loads(run(*ONE, "--dp", "4", "--json").out)
    assert shared["data_parallel"] == 4
    assert shared["replica_concurrency"] == pytest.approx(4 * shared["max_concurrency"], abs=0.01)
    # What vLLM prints for an engine core: the tokens of its own cache by the length of a request.
    assert shared["max_concurrency"] == pytest.approx(shared["kv_cache_tokens"] / 32_768, rel=0.01)


def test_the_page_says_whose_each_figure_is(run: Run) -> None:
    lines = run(*ONE, "--dp", "4").out.splitlines()
    (each,) = (line for line in lines if line.startswith("requests of 32,768 tokens at once, each rank"))
    (whole,) = (line for line in lines if line.startswith("on all 4 ranks"))
    assert float(whole.split()[-1]) == pytest.approx(4 * float(each.split()[-1]), abs=0.05)
    assert any(line.startswith("KV cache tokens, each rank") for line in lines)
    assert "rank" not in run(*ONE).out


def test_the_list_and_lines_of_a_file_mean_the_same(run: Run, tmp_path: Path) -> None:
    rows = json.loads(run("fit", MODEL, "--tp", "2", "--dp", "4", "--max-model-len", "32768", "--json").out)
    row = next(item for item in rows if item["instance_type"] == "p5.48xlarge")
    assert row["replica_concurrency"] == pytest.approx(4 * row["max_concurrency"], abs=0.02)
    case = {"model": MODEL, "gpu": "H100-80GB", "tensor_parallel": 2, "data_parallel": 4, "max_model_len": 32_768}
    (tmp_path / "cases.jsonl").write_text(json.dumps(case), encoding="utf-8")
    line = json.loads(run("fit", "--jsonl", str(tmp_path / "cases.jsonl")).out)
    found = fit_case(FitCase.model_validate(case))
    assert (line["max_concurrency"], line["replica_concurrency"]) == (found.max_concurrency, found.replica_concurrency)


def test_a_plan_prints_a_copys_figure_and_the_replicas(run: Run, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    out = " ".join(run("plan", str(tmp_path / "spec.yaml")).out.split())
    result = json.loads(run("plan", str(tmp_path / "spec.yaml"), "--json").out)["plans"][0]["endpoints"][0]["fit"]
    each, whole = result["max_concurrency"], result["replica_concurrency"]
    assert f"{each:.1f} requests of 32,768 tokens at once on each of 4 copies, {whole:.1f} in the replica" in out


def test_a_configuration_that_is_not_known_holds_nothing_known() -> None:
    found = fit_case(FitCase(model=MODEL, data_parallel=4))
    assert (found.max_concurrency, found.replica_concurrency) == (None, None)
