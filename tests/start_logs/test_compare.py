"""Figures of a start beside those of the memory model, and whether they agree."""

from __future__ import annotations

import json

import pytest

from llminfra.planning.memory import FitResult, fit_line
from llminfra.start_logs.case import logged_case
from llminfra.start_logs.compare import compare, judge_log
from llminfra.start_logs.read import read_log
from llminfra.start_logs.record import StartLog
from tests.start_logs.texts import QWEN_ON_L40S, SGLANG, TOO_LONG
from tests.start_logs.tgi_texts import GEMMA_ON_A6000, LLAMA_ON_A10G, NO_ROOM, plain


def planned(text: str, **given: object) -> tuple[StartLog, FitResult]:
    log = read_log(text)
    assert log is not None
    return log, fit_line(json.dumps(logged_case(log, given).case))


def test_a_start_that_went_as_planned() -> None:
    log, result = planned(QWEN_ON_L40S, gpu="L40S")
    rows = {(row.name, row.unit): row for row in compare(log, result)}
    assert set(rows) == {
        ("weights", "GiB"),
        ("CUDA graphs", "GiB"),
        ("KV cache", "GiB"),
        ("KV cache", "tokens"),
        ("at once", "requests"),
    }
    for key in (("weights", "GiB"), ("KV cache", "GiB"), ("KV cache", "tokens"), ("at once", "requests")):
        assert abs(rows[key].difference or 0.0) < 0.01
    verdict = judge_log(log, result)
    assert (verdict.holds, verdict.text) == (True, "it went as planned")


def test_without_a_gpu_weights_and_bytes_of_a_token_are_compared() -> None:
    log, result = planned(QWEN_ON_L40S)
    rows = {(row.name, row.unit): row for row in compare(log, result)}
    assert set(rows) == {("weights", "GiB"), ("cache of a token", "bytes")}
    assert rows["cache of a token", "bytes"].printed == pytest.approx(36_864, rel=0.001)
    verdict = judge_log(log, result)
    assert verdict.holds
    assert "--gpu" in verdict.text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("memory: 32.73 GiB", "memory: 30.00 GiB", "GiB smaller than planned"),
        ("took 5.7916 GiB", "took 3.2000 GiB", "another model or format"),
    ],
)
def test_a_start_that_went_otherwise(old: str, new: str, said: str) -> None:
    verdict = judge_log(*planned(QWEN_ON_L40S.replace(old, new), gpu="L40S"))
    assert not verdict.holds
    assert said in verdict.text


def test_more_cache_than_planned_is_told_and_is_no_failure() -> None:
    verdict = judge_log(*planned(QWEN_ON_L40S.replace("memory: 32.73 GiB", "memory: 36.00 GiB"), gpu="L40S"))
    assert verdict.holds
    assert "larger than planned" in verdict.text


def test_a_failed_start_that_the_plan_refuses_and_one_that_it_does_not() -> None:
    log, result = planned(TOO_LONG, gpu="RTX-3090-24GB", gpu_memory_utilization=0.65)
    assert result.fits is False
    assert judge_log(log, result).holds
    log, result = planned(TOO_LONG, gpu="L40S")
    verdict = judge_log(log, result)
    assert not verdict.holds
    assert "the plan says that it starts, with room, and it did not" in verdict.text


def test_a_start_that_the_plan_refuses() -> None:
    log, result = planned(QWEN_ON_L40S, gpu="RTX-4060-8GB")
    assert result.fits is False
    assert judge_log(log, result).text.startswith("it started, and the plan says that it does not: LLM_")


def test_blocks_are_tokens() -> None:
    text = "\n".join(
        (
            "Initializing an LLM engine (v0.6.6) with config: model='Qwen/Qwen2.5-1.5B-Instruct', max_seq_len=4096",
            "INFO # GPU blocks: 1000, # CPU blocks: 2048",
        )
    )
    log, result = planned(text, gpu="L40S")
    tokens = next(row for row in compare(log, result) if row.unit == "tokens")
    assert tokens.printed == 16_000


def test_a_cache_of_no_tokens_has_no_bytes_of_one() -> None:
    log, result = planned(QWEN_ON_L40S.replace("953,296 tokens", "0 tokens"))
    assert not [row for row in compare(log, result) if row.unit == "bytes"]


def test_figures_beside_what_is_not_counted_are_no_failure() -> None:
    offloaded = QWEN_ON_L40S.replace("{'model'", "{'cpu_offload_gb': 4, 'model'").replace("took 5.79", "took 1.79")
    verdict = judge_log(*planned(offloaded, gpu="L40S"))
    assert verdict.holds
    assert "cpu_offload_gb is not counted and may be why" in verdict.text


def test_the_driver_of_a_log_is_one_of_a_case() -> None:
    log, result = planned(f"Driver Version: 550.54 \n{QWEN_ON_L40S}", gpu="L40S")
    assert log.inputs["driver"].value == "550.54"
    assert (result.error, judge_log(log, result).text) == (None, "it went as planned")


def test_gb_of_sglang_are_gib() -> None:
    # sgl-project/sglang#4094: 57,344 bytes a token, of which 372,945 take twice 9.96 "GB".
    pool = "[2025-03-05 10:00:09] KV Cache is allocated. #tokens: 372945, K size: 9.96 GB, V size: 9.96 GB"
    text = (
        SGLANG.replace("Qwen2.5-1.5B", "Qwen2.5-7B")
        .replace("513114", "372945")
        .replace("mem usage=3.03", "mem usage=14.29")
    )
    log, result = planned(f"{text}\n{pool}", gpu="A100-40GB", engine_version="0.4.3")
    rows = {(row.name, row.unit): row for row in compare(log, result)}
    assert rows["KV cache", "GiB"].printed == 19.92
    assert result.kv_bytes_per_token_per_gpu == 57_344
    assert rows["KV cache", "GiB"].printed * 2**30 / 372_945 == pytest.approx(57_344, rel=0.001)


def test_tokens_of_tgi_are_judged_by_the_bytes_of_a_token() -> None:
    log, result = planned(plain(LLAMA_ON_A10G), gpu="A10G-24GB")
    assert result.kv_cache_tokens is not None
    verdict = judge_log(log, result)
    # Of 131,072 bytes each.
    smaller = (result.kv_cache_tokens - 19056) / 8192
    assert (verdict.holds, f"{smaller:.2f} GiB smaller than planned" in verdict.text) == (False, True)
    exact = plain(LLAMA_ON_A10G).replace("19056", str(result.kv_cache_tokens))
    assert judge_log(*planned(exact, gpu="A10G-24GB")).text == "it went as planned"


def test_what_tgi_decides_by_its_cache_stands_beside_the_plan() -> None:
    log, result = planned(plain(GEMMA_ON_A6000), gpu="RTX-A6000-48GB", model="google/gemma-3-27b-it")
    row = next(row for row in compare(log, result) if row.name == "longest request")
    assert (row.printed, row.planned) == (8000, result.max_model_len)


def test_a_warm_up_that_has_no_room_is_what_the_plan_says() -> None:
    log, result = planned(plain(NO_ROOM), gpu="H100-80GB")
    assert result.fits is False
    assert judge_log(log, result).holds
