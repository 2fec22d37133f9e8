"""Rows of measured starts and what stops TGI: none that started is refused, and a failed one is for its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llminfra.planning.memory import FitCase, divisibility_findings
from llminfra.planning.memory.doubts import class_missing, named_numbers
from llminfra.planning.memory.estimate import facts_for
from llminfra.planning.memory.judged import judge

ROWS = Path(__file__).resolve().parents[2] / "benchmarks" / "memory" / "data" / "tgi_startups.jsonl"
STOPS = ("LLM_FIT_5:", "LLM_FIT_27:", "LLM_FIT_56:", *(f"LLM_FIT_6{number}:" for number in range(1, 6)))


def rows(outcome: str) -> list[dict[str, object]]:
    found = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [row for row in found if (row["outcome"] == "ok") is (outcome == "ok")]


@pytest.mark.parametrize("row", rows("ok"), ids=lambda row: str(row["id"]))
def test_what_started_is_not_refused(row: dict[str, object]) -> None:
    assert not [text for text in judge(FitCase.model_validate(row)).findings if text.startswith(STOPS)]


def test_a_turing_start_fails_for_its_reason() -> None:
    (row,) = [row for row in rows("failed") if row["id"] == "t-llama31-8b-t4-fail"]
    result = judge(FitCase.model_validate(row))
    assert result.fits is False
    assert any(text.startswith("LLM_FIT_62: tgi 2.2.0 has no attention kernel") for text in result.findings)


def test_a_month_is_no_release() -> None:
    case = FitCase(model="openai/gpt-oss-20b", engine="tgi", engine_version="2024-11")
    facts = facts_for(case)
    assert facts is not None
    assert named_numbers(case) == ()
    assert class_missing(facts, case) is None
    qwen = facts_for(FitCase(model="Qwen/Qwen1.5-MoE-A2.7B"))
    assert qwen is not None
    cut = [item.code for item in divisibility_findings(qwen, 2, engine="tgi", version="2024-11") if item.fatal]
    assert cut == []
    assert [item.code for item in divisibility_findings(qwen, 2, engine="tgi", version="3.3.7")] == ["LLM_FIT_65"]


@pytest.mark.parametrize(
    ("model", "engine", "version", "words"),
    [
        ("Qwen/Qwen3-8B", "tgi", "2.0.3", "tgi 2.0.3 has no code for qwen3; tgi 3.2.3 or later has"),
        (
            "openai/gpt-oss-20b",
            "trtllm",
            "1.0.0",
            "trtllm 1.0.0 has no code for GptOssForCausalLM; trtllm 1.1 or later",
        ),
        ("openai/gpt-oss-20b", "trtllm", "1.1.0", None),
        ("Qwen/Qwen3-8B", "deepspeed", "0.3.3", None),
        ("openai/gpt-oss-20b", "djl-lmi", "0.33.0-lmi15.0.0", "(vLLM 0.8.5 inside) has no code for GptOssForCausalLM"),
    ],
)
def test_releases_without_code(model: str, engine: str, version: str, words: str | None) -> None:
    case = FitCase(model=model, engine=engine, engine_version=version)
    facts = facts_for(case)
    assert facts is not None
    found = class_missing(facts, case)
    assert (found is None) is (words is None)
    assert found is None or (words or "") in found[0]
