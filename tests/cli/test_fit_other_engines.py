"""``llminfra fit`` with TGI, TensorRT-LLM and DJL Serving: what would not start is told, and why."""

from __future__ import annotations

import pytest

from tests.cli.run import Run

_SHORT = ("--max-model-len", "4096")


def plain(text: str) -> str:
    """One line: the console wraps."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("openai/gpt-oss-20b", ["--engine", "tgi", "--gpu", "g6e.xlarge"], "Unsupported model type gpt_oss"),
        ("google/gemma-2-9b-it", ["--engine", "trtllm", "--gpu", "g6e.xlarge"], "Unknown architecture for AutoModel"),
        (
            "openai/gpt-oss-20b",
            ["--engine", "trtllm", "--engine-version", "1.0.0", "--gpu", "p5.48xlarge"],
            "trtllm 1.1 or later has",
        ),
        (
            "zai-org/GLM-5.3-Flash",
            ["--engine", "djl-lmi", "--gpu", "p5en.48xlarge", "--tp", "8"],
            "vLLM 0.30.0 or later has, which no container has that is known here",
        ),
        (
            "Qwen/Qwen1.5-MoE-A2.7B",
            ["--engine", "tgi", "--gpu", "g6e.12xlarge", "--tp", "4"],
            "sharded is not supported for AutoModel",
        ),
        (
            "meta-llama/Llama-3.1-8B-Instruct",
            ["--engine", "tgi", "--engine-version", "2.2.0", "--gpu", "g4dn.12xlarge", "--tp", "4"],
            "FlashAttention only supports Ampere GPUs or newer",
        ),
        (
            "Qwen/Qwen2.5-7B-Instruct-AWQ",
            ["--engine", "mii", "--gpu", "g6e.xlarge"],
            "please double check the Containers/ContainerMap",
        ),
    ],
)
def test_what_does_not_start_says_so(model: str, options: list[str], words: str, run: Run) -> None:
    result = run("fit", model, *options, *_SHORT)
    assert result.code == 1
    assert "does not start" in result.out
    assert words in plain(result.out)


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", ["--engine", "tgi", "--gpu", "g6e.xlarge"]),
        ("Qwen/Qwen2.5-7B-Instruct", ["--engine", "tgi", "--engine-version", "2.0.3", "--gpu", "g6e.xlarge"]),
        ("openai/gpt-oss-20b", ["--engine", "trtllm", "--engine-version", "1.2", "--gpu", "p5.48xlarge"]),
        ("openai/gpt-oss-20b", ["--engine", "djl-lmi", "--gpu", "g6e.xlarge"]),
    ],
)
def test_what_starts_fits(model: str, options: list[str], run: Run) -> None:
    result = run("fit", model, *options, *_SHORT)
    assert result.code == 0
    assert "LLM_FIT_6" not in result.out


def test_the_list_of_instances_says_who_serves_the_model(run: Run) -> None:
    listed = run("fit", "Qwen/Qwen1.5-MoE-A2.7B", "--engine", "tgi", *_SHORT)
    assert listed.code == 0
    assert "LLM_FIT_66: tgi 3.3.7 has no code of its own for qwen2_moe" in plain(listed.out)
    # What is served whole needs no flash attention.
    assert "has no attention kernel" not in plain(listed.out)
    paged = run("fit", "Qwen/Qwen3-30B-A3B", "--engine", "tgi", *_SHORT)
    assert "v100 32gb: tgi 3.3.7 has no attention kernel" in plain(paged.out)


def test_an_unknown_release_of_tensorrt_llm_is_refused(run: Run) -> None:
    result = run("fit", "openai/gpt-oss-20b", "--engine", "trtllm", "--engine-version", "7.0.0")
    assert result.code == 2
    assert "trtllm has no such release" in plain(result.out + result.err)
