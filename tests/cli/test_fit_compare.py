"""``llminfra fit`` with several values in an option: a row for each combination."""

from __future__ import annotations

import json

import pytest

from tests.cli.run import Run

SMALL = "Qwen/Qwen3-8B"
LARGE = "Qwen/Qwen3-235B-A22B"


def plain(text: str) -> str:
    """One line: the console wraps."""
    return " ".join(text.split())


def test_engines_and_quantizations_are_compared_by_the_best_type_for_each(run: Run) -> None:
    asked = ("fit", SMALL, "--engine", "vllm,sglang", "--quantization", "none,fp8", "--max-model-len", "8192", "--json")
    rows = json.loads(run(*asked).out)
    assert [(row["engine"], row["quantization"]) for row in rows] == [
        ("vllm", "none"), ("vllm", "fp8"), ("sglang", "none"), ("sglang", "fp8"),
    ]  # fmt: skip
    for row in rows:
        alone = ("--engine", row["engine"], "--quantization", row["quantization"], "--max-model-len", "8192")
        best = json.loads(run("fit", SMALL, *alone, "--json").out)[0]
        assert {key: row[key] for key in best} == best


def test_gpus_are_compared_by_device_or_instance_type(run: Run) -> None:
    rows = json.loads(run("fit", SMALL, "--gpu", "L4,g6e.12xlarge", "--max-model-len", "8192", "--json").out)
    assert [row["gpu"] for row in rows] == ["l4-24gb", "l40s-48gb"]
    assert rows[1]["instance_type"] == "g6e.12xlarge"


def test_the_table_has_what_was_compared_and_what_does_not_fit(run: Run) -> None:
    result = run("fit", LARGE, "--gpu", "T4,H200", "--quantization", "awq,none", "--max-model-len", "8192")
    assert result.code == 0
    out = plain(result.out)
    assert "engine weights instance TP held" in out
    assert "note: LLM_FIT_23" in out
    assert "none, T4: " in out.partition("does not fit:")[2]


def test_ways_to_buy_without_a_price_are_told(run: Run) -> None:
    out = plain(run("fit", SMALL, "--purchase", "on-demand,spot", "--max-model-len", "8192").out)
    assert "no spot price is known" in out
    assert "bought" in out


def test_where_nothing_fits_the_code_is_1(run: Run) -> None:
    result = run("fit", LARGE, "--gpu", "T4", "--engine", "vllm,sglang", "--quantization", "none")
    assert result.code == 1
    assert "no combination fits" in result.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--engine", "vllm,,tgi"), "a value between commas is empty"),
        (("--engine", "vllm,sglan"), "did you mean sglang"),
        (("--gpu", "L4,NOPE"), "is neither a GPU nor an EC2 instance type"),
        (("--gpu", "L4,RTX-A5000-24GB"), "no EC2 instance type has it"),
        (("--engine", "vllm,tgi", "--engine-version", "0.11.0"), "is a release of one engine"),
    ],
)
def test_a_wrong_list_is_a_wrong_call(options: tuple[str, ...], words: str, run: Run) -> None:
    result = run("fit", SMALL, *options)
    assert (result.code, result.out) == (2, "")
    assert words in plain(result.err)
