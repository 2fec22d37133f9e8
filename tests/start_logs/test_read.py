"""Logs are read: settings, figures, phases, and how the start ended."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.start_logs.patterns import ENGINES, lines_of
from llminfra.start_logs.read import read_log
from llminfra.start_logs.record import StartLog
from tests.start_logs.texts import POOLS, QWEN_ON_L40S, SGLANG, TOO_LONG, line


def read(text: str) -> StartLog:
    found = read_log(text)
    assert found is not None
    return found


def inputs(log: StartLog) -> dict[str, object]:
    return {name: item.value for name, item in log.inputs.items()}


def figures(log: StartLog) -> dict[str, object]:
    return {name: item.value for name, item in log.figures.items()}


def test_a_start_of_vllm() -> None:
    log = read(QWEN_ON_L40S)
    assert (log.engine, log.outcome, log.starts) == ("vllm", "ok", 1)
    assert inputs(log) == {
        "engine_version": "0.11.0",
        "model": "models/qwen2.5-3b",
        "use_v1": True,
        "dtype": "bfloat16",
        "max_model_len": 32768,
        "tensor_parallel": 1,
        "pipeline_parallel": 1,
        "data_parallel": 1,
        "disable_custom_all_reduce": False,
        "kv_cache_dtype": "auto",
        "enable_prefix_caching": True,
        "compiled": True,
    }
    assert figures(log) == {
        "weights_gib_per_gpu": 5.7916,
        "kv_cache_memory_gib": 32.73,
        "kv_cache_tokens": 953296,
        "max_concurrency": 29.09,
        "cuda_graph_gib": 0.69,
    }
    assert {name: item.value for name, item in log.seconds.items()} == {
        "weights": 0.88,
        "compile": 3.69,
        "graphs": 4,
        "engine": 11.03,
        "ready": 34.0,
    }
    assert log.inputs["dtype"].line == 3
    assert log.figures["kv_cache_tokens"].line == 9


def test_a_start_without_room() -> None:
    log = read(TOO_LONG)
    assert log.failure is not None
    assert (log.outcome, log.failure.line, log.started) == ("max_len_exceeds_kv", 5, False)
    assert log.failure.text.startswith("To serve at least one request with the models's max seq len (8192)")
    assert figures(log)["kv_needed_gib"] == 1.0
    assert figures(log)["estimated_max_len"] == 7760
    assert log.asked
    assert not log.not_counted


def test_a_start_of_sglang() -> None:
    log = read(SGLANG)
    assert (log.engine, log.outcome) == ("sglang", "ok")
    assert inputs(log) == {
        "model": "Qwen/Qwen2.5-1.5B-Instruct",
        "gpu_memory_utilization": 0.8,
        "tensor_parallel": 1,
        "data_parallel": 1,
        "kv_cache_dtype": "auto",
        "max_num_batched_tokens": 2048,
        "max_model_len": 32768,
        "max_num_seqs": 2048,
    }
    assert figures(log) == {"weights_gib_per_gpu": 3.03, "kv_cache_tokens": 513114, "cuda_graph_gib": 0.18}
    assert {name: item.value for name, item in log.seconds.items()} == {"weights": 4.2, "graphs": 9.26, "ready": 90.0}


def test_pools_of_sglang_add_up_for_the_rank_with_least() -> None:
    log = read(POOLS)
    assert figures(log)["kv_cache_memory_gib"] == round(2 * 3.98 + 1.5, 2)
    assert log.figures["kv_cache_memory_gib"].line == 10
    # Graphs of prompts come after those of answers.
    prompts = "[2026-04-06 01:34:28] Capture piecewise CUDA graph end. Time elapsed: 18.18 s. mem usage=2.32 GB."
    more = read(SGLANG.replace("[2026-04-06 01:34:30]", f"{prompts}\n[2026-04-06 01:34:30]"))
    assert (figures(more)["cuda_graph_gib"], more.seconds["graphs"].value) == (2.5, 27.44)
    assert "kv_cache_memory_gib" not in figures(read(SGLANG))


@pytest.mark.parametrize("wrap", [{"log": ""}, {"message": "", "level": "info"}, {"time": "t", "msg": ""}])
def test_what_a_runtime_wraps_around_lines_is_taken_off(wrap: dict[str, str]) -> None:
    key = next(name for name, value in wrap.items() if value == "")
    wrapped = "\n".join(json.dumps({**wrap, key: f"{text}\n"}) for text in QWEN_ON_L40S.splitlines())
    assert read_log(wrapped) == read_log(QWEN_ON_L40S)


def test_processes_of_one_start_print_side_by_side() -> None:
    workers = "\n".join(
        line(f"Model loading took {gib} GiB and 1.0 seconds\n{line(f'Available KV cache memory: {left} GiB')}")
        for gib, left in ((5.7, 30.5), (5.9, 30.1), (5.8, 30.3))
    )
    assert figures(read(workers)) == {"weights_gib_per_gpu": 5.9, "kv_cache_memory_gib": 30.1}


def test_the_last_start_counts() -> None:
    log = read(f"{TOO_LONG}\n{QWEN_ON_L40S}")
    assert (log.starts, log.outcome) == (2, "ok")
    assert inputs(log)["model"] == "models/qwen2.5-3b"
    assert "gpu_memory_utilization" not in inputs(log)
    assert read(f"{QWEN_ON_L40S}\n{TOO_LONG}").outcome == "max_len_exceeds_kv"


def test_the_engine_that_a_device_ran_out_on_tells_of_other_processes() -> None:
    words = (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 126.00 MiB. GPU 0 has a total capacity of 23.54"
        " GiB of which 139.75 MiB is free. Process 4257 has 512.00 MiB memory in use. Process 11017 has 1.50 GiB memory"
        " in use. Including non-PyTorch memory, this process has 21.72 GiB memory in use."
    )
    log = read(f"{line('non-default args: {}')}\n{words}")
    assert log.failure is not None
    assert (log.failure.outcome, log.failure.others_gib) == ("oom_at_load", 2.0)
    assert inputs(log)["total_gpu_gib"] == 23.54


def test_a_failure_after_the_start_is_none_of_the_start() -> None:
    log = read(f"{QWEN_ON_L40S}\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.")
    assert log.outcome == "ok"


def test_a_release_that_prints_its_second_runner_and_does_not_has_the_first() -> None:
    text = "\n".join(("vLLM API server version 0.29.0", line("Available KV cache memory: 3.0 GiB")))
    assert inputs(read(text))["use_v2"] is False
    assert inputs(read(f"{text}\n{line('Using V2 Model Runner')}"))["use_v2"] is True
    assert "use_v2" not in inputs(read(text.replace("0.29.0", "0.20.0")))


def test_drafts_and_what_is_not_counted() -> None:
    text = (
        "INFO non-default args: {'model': 'a/b', 'speculative_config': {'method': 'mtp', 'num_speculative_tokens': 2},"
        " 'cpu_offload_gb': 4.0, 'limit_mm_per_prompt': {'image': 0}}"
    )
    log = read(text)
    assert inputs(log)["speculative_config"] == {"method": "mtp", "num_speculative_tokens": 2}
    assert inputs(log)["limit_mm_per_prompt"] == {"image": 0}
    assert list(log.not_counted) == ["cpu_offload_gb"]
    printed = (
        "Initializing a V1 LLM engine (v0.27.1) with config: model='a/b',"
        " speculative_config=SpeculativeConfig(method='eagle3', model='c/d', num_spec_tokens=3), max_seq_len=8"
    )
    assert inputs(read(printed))["speculative_config"] == {
        "method": "eagle3",
        "model": "c/d",
        "num_speculative_tokens": 3,
    }


def test_a_driver_is_a_text_and_what_is_no_number_is_no_figure() -> None:
    table = "| NVIDIA-SMI 550.54      Driver Version: 550.54      CUDA Version: 12.4 |"
    log = read(
        f"{table}\n{line('Model loading took 1.2.3 GiB memory and 1.0 seconds')}\n{line('non-default args: {}')}"
    )
    assert inputs(log)["driver"] == "550.54"
    assert figures(log) == {}


@pytest.mark.parametrize("text", ["", "hello\nworld", "{", '{"log": 3}', "\x00\xff", '{"a":' * 100_000])
def test_what_is_no_log_is_none(text: str) -> None:
    assert read_log(text) is None


_PIECES = st.sampled_from([*QWEN_ON_L40S.splitlines(), *TOO_LONG.splitlines(), *SGLANG.splitlines(), "", "{", "}"])


@given(st.lists(_PIECES | st.text(), max_size=30))
def test_any_lines_are_read(lines: list[str]) -> None:
    log = read_log("\n".join(lines))
    assert log is None or log.engine in ENGINES


@pytest.mark.parametrize("engine", ENGINES)
def test_keys_of_cases_and_of_rows_are_those_that_exist(engine: str) -> None:
    from llminfra.planning.memory import FitCase, FitResult

    known, cases = lines_of(engine), {*FitCase.model_fields, "speculative_config"}
    assert {*known.arguments.values(), *known.config.values(), *(item.name for item in known.inputs)} <= cases
    assert {item.name for item in (*known.figures, *known.figure_sums)} <= {
        *FitResult.model_fields,
        "gpu_blocks",
        "decided_len",
    }
    assert {item.name for item in known.absent} <= cases
