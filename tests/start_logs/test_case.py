"""Which model and which GPU a log is of, and what it leaves open."""

from __future__ import annotations

import json

import pytest

from llminfra.planning.memory import fit_line
from llminfra.start_logs.case import assumed, catalog_name, logged_case
from llminfra.start_logs.read import read_log
from llminfra.start_logs.record import StartLog
from tests.start_logs.texts import QWEN_ON_L40S, SGLANG, TOO_LONG


def start(text: str) -> StartLog:
    found = read_log(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("named", "model"),
    [
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("qwen/qwen3-8b", "Qwen/Qwen3-8B"),
        ("/root/models/Qwen/Qwen3-8B/", "Qwen/Qwen3-8B"),
        ("../models/qwen2.5-3b", "Qwen/Qwen2.5-3B"),
        ("/root/autodl-tmp/models/qwen/Qwen2___5-3B", "Qwen/Qwen2.5-3B"),
        ("/hf/hub/models--Qwen--Qwen3-8B/snapshots/0123456789", "Qwen/Qwen3-8B"),
        ("/models/my-own", None),
        ("", None),
        ("/", None),
    ],
)
def test_names_of_models(named: str, model: str | None) -> None:
    assert catalog_name(named) == model


def test_a_name_that_several_owners_have_is_none() -> None:
    # The catalog has it of its maker and of others who quantized it.
    assert catalog_name("/models/Qwen3.6-27B-FP8") is None


def test_what_is_given_counts_before_the_log() -> None:
    logged = logged_case(start(QWEN_ON_L40S), {"gpu": "L40S", "model": "Qwen/Qwen3-8B"})
    assert (logged.case["model"], logged.case["gpu"], logged.known) == ("Qwen/Qwen3-8B", "L40S", True)
    assert not logged_case(start(QWEN_ON_L40S), {"model": "acme/own"}).known
    assert logged_case(start(QWEN_ON_L40S), {"model": "acme/own", "config": {}}).known


def test_a_device_that_no_table_has_is_left_out() -> None:
    text = QWEN_ON_L40S.replace("Directly load", "device_name=NVIDIA_FUTURE_X1.json Directly load")
    assert start(text).inputs["gpu"].value == "NVIDIA FUTURE X1"
    assert "gpu" not in logged_case(start(text), {}).case
    known = QWEN_ON_L40S.replace("Directly load", "device_name=NVIDIA_L40S,dtype=fp8 Directly load")
    assert logged_case(start(known), {}).case["gpu"] == "NVIDIA L40S"


def test_what_nobody_says_is_told_with_what_was_taken() -> None:
    def opened(text: str) -> tuple[str, ...]:
        log = start(text)
        case = logged_case(log, {}).case
        return assumed(log, case, fit_line(json.dumps(case)))

    # Arguments are printed: what is not among them is a default.
    assert opened(QWEN_ON_L40S) == ("gpu",)
    assert opened(TOO_LONG) == ("gpu",)
    assert opened(SGLANG) == ("engine_version", "gpu")
    bare = "Initializing a V1 LLM engine (v0.11.0) with config: model='Qwen/Qwen3-8B', max_seq_len=4096"
    told = opened(bare)
    assert "gpu_memory_utilization=0.9" in told
    assert "tensor_parallel=1" in told
    assert not any(item.startswith("max_model_len") for item in told)
