"""``llminfra fit --gpu``: price, speed and start beside the memory, as a plan has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import Run
from tests.cli.specs import write

SMALL, LARGE = "Qwen/Qwen3-8B", "Qwen/Qwen3-32B"
RERANKER, HEARS = "BAAI/bge-reranker-v2-m3", "openai/whisper-large-v3"
SHORT = ("--max-model-len", "8192")
# What a plan writes out, and the server would choose by itself where nothing is said.
SGLANG = ("--mem-fraction-static", "0.9", "--max-num-batched-tokens", "4096")
SPEC = """
from llminfra import *
l40s = GpuPool(name="l40s", instance_types=["g6e.12xlarge"])
l4 = GpuPool(name="l4", instance_types=["g6.xlarge"])
def served(name, model, engine, on, **more):
    return Endpoint(name=name, model=model, engine=engine, on=on, **more)
endpoints = [
    served("chat", Model(id="Qwen/Qwen3-32B"), VLLM(max_model_len=16384), l40s, parallelism=Parallelism(tensor=2)),
    served("small", Model(id="Qwen/Qwen3-8B"), SGLang(max_model_len=8192, max_num_seqs=64), l4),
    served("loaded", Model(id="Qwen/Qwen3-8B", quantization="bitsandbytes"), VLLM(max_model_len=8192), l4),
    served("rerank", Model(id="BAAI/bge-reranker-v2-m3"), VLLM(), l4),
    served("hear", Model(id="openai/whisper-large-v3"), VLLM(image=Image(repository="r/v", tag="1", audio=True)), l4),
]
weights = ModelBucket(name="acme-weights")
Platform(name="p", region="us-east-1", pools=[l40s, l4], endpoints=endpoints, storage=[weights])
"""
SAME: dict[str, tuple[str, ...]] = {
    "chat": (LARGE, "--gpu", "L40S", "--tp", "2", "--max-model-len", "16384"),
    "small": (SMALL, "--gpu", "L4", "--engine", "sglang", "--max-num-seqs", "64", *SGLANG, *SHORT),
    "loaded": (SMALL, "--gpu", "L4", "--quantization", "bitsandbytes", "--max-num-seqs", "256", *SHORT),
    "rerank": (RERANKER, "--gpu", "L4"),
    "hear": (HEARS, "--gpu", "L4"),
}


def plain(text: str) -> str:
    """One line: the console wraps."""
    return " ".join(text.split())


def document(run: Run, *asked: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("fit", *asked, "--json").out)
    return found


def test_a_plan_has_the_same_figures_and_words(workdir: Path, run: Run) -> None:
    spec = write(workdir, SPEC)
    (plan,) = json.loads(run("plan", spec, "--json").out)["plans"]
    page = plain(run("plan", spec).out)
    planned = {item["name"]: item for item in plan["endpoints"]}
    for name, asked in SAME.items():
        alone, whole = document(run, *asked), planned[name]
        assert alone["performance"] == whole["performance"]
        best = alone["instance_types"][0]
        assert best["instance_type"] == whole["instance_type"]
        for key in ("usd_per_replica_hour", "usd_per_million_tokens"):
            assert best[key] == pytest.approx(whole[key])
        for key in ("phases", "budget_s", "estimate_s", "warm_node_s"):
            assert alone["startup"][key] == whole["startup"][key]
        for key, value in alone["startup"]["weights"].items():
            assert value == whole["weights"][key]
        said = plain(run("fit", *asked).out)
        estimates = said.split("≈")[1:]
        assert f"≈{estimates[0]}" in page
        assert f"≈{estimates[1].partition(' cold start')[0]}" in page
        assert f"cold start{said.partition(' cold start')[2].partition(' node 2 min')[0]}" in page


def test_the_documentation_shows_what_is_printed(run: Run) -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    block = page.partition("```\ncheapest: ")[2].partition("```")[0]
    shown = [part.strip(" ;") for line in block.splitlines() for part in line.split("…") if part.strip(" ;")]
    out = plain(run("fit", *SAME["chat"]).out)
    assert len(shown) > 8
    for part in shown:
        assert part in out


def test_the_types_with_the_gpu_are_those_of_the_list(run: Run) -> None:
    fixed = ("--tp", "1", *SHORT)
    listed = {row["instance_type"]: row for row in json.loads(run("fit", SMALL, *fixed, "--json").out)}
    found = document(run, SMALL, "--gpu", "L4", *fixed)["instance_types"]
    assert [row["gpu"] for row in found] == ["l4-24gb"] * len(found)
    assert {row["instance_type"]: row for row in found} == {
        name: row for name, row in listed.items() if row["gpu"] == "l4-24gb"
    }
    assert found[0]["cold_start_s"] > found[0]["warm_start_s"] > 0


def test_the_verdict_comes_first_and_what_is_assumed_last(run: Run) -> None:
    lines = run("fit", LARGE, "--gpu", "L40S", "--tp", "2", "--max-model-len", "16384").out.splitlines()
    assert lines[0] == f"{LARGE}: fits"
    out = plain(" ".join(lines))
    parts = (
        "cheapest: g6e.12xlarge in us-east-1, $10.49/h",
        "also g6e.24xlarge",
        "too small: g6e.xlarge",
        "≈ first token",
        "≈ when full",
        "cold start",
        "estimates:",
        "assumed: an EKS pool without a node",
        "prices of",
    )
    assert [out.index(part) for part in parts] == sorted(out.index(part) for part in parts)


@pytest.mark.parametrize(
    ("asked", "words", "missing"),
    [
        (("--gpu", "RTX-4090"), "not sold on AWS: no EC2 instance type has the NVIDIA GeForce RTX 4090", "cold start"),
        (("--gpu", "RTX-A5000-24GB"), "the memory alone is known", "≈"),
        (("--gpu", "g6.12xlarge"), "$4.60/h, 4 GPUs for 4 replicas: $1.15/h each", "g6.xlarge"),
        (("--gpu", "ml.g6.12xlarge"), "ml.g6.12xlarge in us-east-1, ", "cold start"),
        (("--gpu", "p5.48xlarge", "--tp", "16"), "over instances a plan cuts stages: --tp 8 --pp 2", "≈"),
        (("--gpu", "H100", "--tp", "8", "--pp", "2"), "2 × p5.48xlarge in us-east-1, $55.04/h each", "cheapest"),
        (
            ("--gpu", "H100", "--tp", "8", "--pp", "2", "--region", "ap-southeast-3"),
            "2 × p5.48xlarge in ap-southeast-3, price not known; joined by EFA too small: p5.4xlarge",
            "$",
        ),
        (("--gpu", "L4", "--region", "eu-west-3"), "g6.xlarge in eu-west-3, price not known", "$"),
        (("--gpu", "L4", "--max-loras", "2"), "assumed: speed without adapters", "fits with"),
    ],
)  # fmt: skip
def test_where_it_runs(asked: tuple[str, ...], words: str, missing: str, run: Run) -> None:
    result = run("fit", SMALL, *SHORT, *asked)
    assert result.code == 0
    assert words in plain(result.out)
    assert missing not in result.out


def test_an_instance_of_sagemaker_has_its_own_price(run: Run) -> None:
    (hosted,) = document(run, SMALL, "--gpu", "ml.g6e.12xlarge", *SHORT)["instance_types"]
    (machine,) = document(run, SMALL, "--gpu", "g6e.12xlarge", *SHORT)["instance_types"]
    assert hosted["instance_type"] == "ml.g6e.12xlarge"
    assert (hosted["replicas"], machine["replicas"]) == (1, 4)
    assert hosted["usd_per_hour"] != machine["usd_per_hour"]
    assert hosted["ttft_ms"] == machine["ttft_ms"]


def test_more_requests_than_it_holds_are_told_with_what_helps(run: Run) -> None:
    asked = (LARGE, "--gpu", "L40S", "--tp", "2", "--max-model-len", "16384", "--concurrency", "10")
    result = run("fit", *asked)
    assert result.code == 1
    out = plain(result.out)
    assert "fits, but holds 4.5 of 10 requests of full length" in out
    assert "holds 10 with one of --tp 4" in out
    found = document(run, *asked)
    assert found["performance"] is None
    for way in found["ways_out"]:
        assert way["replica_concurrency"] >= 10


def test_the_load_is_the_one_that_is_asked_for(run: Run) -> None:
    asked = ("--prompt-tokens", "4000", "--output-tokens", "500", "--concurrency", "2")
    assert "with 2 callers, 4,000 tokens in, 500 out" in plain(run("fit", SMALL, "--gpu", "L4", *SHORT, *asked).out)


def test_what_does_not_fit_has_neither_price_nor_speed(run: Run) -> None:
    result = run("fit", "meta-llama/Llama-3.3-70B-Instruct", "--gpu", "L4")
    assert result.code == 1
    assert "`llminfra fit meta-llama/Llama-3.3-70B-Instruct` lists instance types" in plain(result.out)
    assert "-113" not in result.out  # what is left of a cache beside weights that are too large
    assert "$" not in result.out


def test_sound_is_told_in_the_words_of_a_plan(run: Run) -> None:
    out = plain(run("fit", HEARS, "--gpu", "L4,L40S").out)
    assert "text ms" in out
    assert "replica $/h sound" in out
    assert "ms/token" not in out


def test_comparisons_say_how_long_a_start_takes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")  # a narrow page leaves the column out
    asked = ("fit", "Qwen/Qwen2.5-72B-Instruct", "--engine", "vllm,tgi", "--gpu", "L40S", "--max-model-len", "16384")
    out = plain(run(*asked).out)
    assert "$/M tokens cold start" in out
    assert "weights streamed from S3, or read from S3 by Mountpoint" in out
    rows = json.loads(run(*asked, "--json").out)
    assert rows[0]["cold_start_s"] < rows[1]["cold_start_s"]


def test_a_checkpoint_that_is_in_the_catalog_is_named(run: Run) -> None:
    result = run("fit", LARGE, "--gpu", "L4", "--tp", "2", "--quantization", "awq")
    assert result.code == 1
    assert "the catalog has Qwen/Qwen3-32B-AWQ" in result.out
