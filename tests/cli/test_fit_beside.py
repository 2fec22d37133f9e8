"""``llminfra fit`` with what is loaded beside a model: places for adapters, a draft."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.run import Run

SMALL = "Qwen/Qwen3-8B"
LLAMA, HEAD = "meta-llama/Llama-3.1-8B-Instruct", "yuhuili/EAGLE3-LLaMA3.1-Instruct-8B"


def test_places_for_adapters_are_counted_and_told(run: Run) -> None:
    options = ("--gpu", "L4", "--max-model-len", "8192", "--max-loras", "4", "--max-lora-rank", "32")
    result = run("fit", SMALL, *options)
    assert result.code == 0
    assert re.search(r"adapters per GPU\s+0\.73 GiB", result.out)
    found = json.loads(run("fit", SMALL, *options, "--json").out)
    assert found["adapters_gib"] == found["reserved_gib"] == pytest.approx(0.73, abs=0.01)
    assert any("4 places of rank 32" in line for line in found["explain"])


def test_fewer_places_are_a_way_out(run: Run) -> None:
    result = run("fit", SMALL, "--gpu", "L4", "--max-model-len", "8192", "--max-loras", "32", "--max-lora-rank", "32")
    assert result.code == 1
    assert "the adapters reserve 5.80 GiB" in " ".join(result.out.split())
    # Eight places start, too, but where the compiler's copy stays reserved on a first start they would be too many.
    assert "--max-loras 2 " in result.out


@pytest.mark.parametrize(
    "draft",
    [
        ("--draft", HEAD, "--speculative-tokens", "3"),
        ("--spec-model", HEAD, "--spec-tokens", "3", "--spec-method", "eagle3"),
        ("--speculative-config", json.dumps({"model": HEAD, "num_speculative_tokens": 3, "method": "eagle3"})),
    ],
)
def test_a_draft_is_counted_however_it_is_written(draft: tuple[str, ...], run: Run) -> None:
    found = json.loads(run("fit", LLAMA, "--gpu", "L40S", *draft, "--json").out)
    assert found["draft_gib"] == pytest.approx(0.79, abs=0.01)
    assert found["kv_bytes_per_token_per_gpu"] == 33 * 4096


def test_a_draft_of_a_file_is_counted(workdir: Path, run: Run) -> None:
    config = {"architectures": ["MedusaModel"], "hidden_size": 4096, "vocab_size": 128_256, "medusa_num_heads": 3}
    (workdir / "draft.json").write_text(json.dumps(config), encoding="utf-8")
    found = json.loads(run("fit", LLAMA, "--gpu", "L40S", "--draft-config", "draft.json", "--json").out)
    assert found["draft_gib"] == pytest.approx(3.03, abs=0.01)


@pytest.mark.parametrize("gpu", [("--gpu", "L40S"), ()])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--draft", "yuhuili/EAGLE3-LLaMA3.1"), f"close: {HEAD}"),
        (("--draft", "yuhuili/EAGLE3-LLaMA3.3-Instruct-70B"), "it is the draft of another model"),
        (("--draft-config", "none.json"), "there is no file none.json"),
        (("--speculative-tokens", "3"), "name it as --draft, or say --speculative-method ngram"),
        (("--speculative-method", "eagle3"), "--speculative-method eagle3 needs a draft: name it as --draft"),
        (("--speculative-method", "guess"), "--speculative-method 'guess': expected 'mtp'"),
        (("--speculative-config", "mtp"), "--speculative-config is a JSON object"),
        (("--spec-tokens", "3", "--speculative-config", '{"num_speculative_tokens": 4}'), "one of them is meant"),
        (("--lora-target-modules", "q_proj,qq"), "--lora-target-modules: " + LLAMA + " has no qq; it has"),
        (("--max-loras", "0"), "--max-loras 0: expected at least 1"),
        (("--engine", "tgi", "--max-loras", "2"), "counted for vllm and sglang alone"),
    ],
)
def test_what_cannot_lie_beside_a_model_is_a_wrong_call(
    options: tuple[str, ...], words: str, gpu: tuple[str, ...], run: Run
) -> None:
    result = run("fit", LLAMA, *gpu, *options)
    assert result.code == 2
    assert words in " ".join(result.err.split())


def test_the_list_counts_what_lies_beside_a_model(run: Run) -> None:
    alone, beside = (
        {row["instance_type"]: row for row in json.loads(run("fit", SMALL, *options, "--json").out)}
        for options in ((), ("--max-loras", "16", "--max-lora-rank", "64"))
    )
    name = "g6e.xlarge"
    # Sixteen places of rank 64 take 5.8 GiB, which is 42,000 tokens of this model and what the compiler copies.
    assert alone[name]["kv_cache_tokens"] - beside[name]["kv_cache_tokens"] == pytest.approx(43_000, rel=0.05)
