"""Logs of Text Generation Inference are read in each of their forms, and what release they are of."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.start_logs.read import read_log
from llminfra.start_logs.record import StartLog
from tests.start_logs.texts import QWEN_ON_L40S
from tests.start_logs.tgi_texts import (
    GEMMA_ON_A6000,
    LLAMA_ON_A10G,
    NO_ROOM,
    OF_2,
    OLDEST,
    Record,
    as_json,
    flat,
    line,
    plain,
    pretty,
    router,
)

OOM = "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB."


def read(text: str) -> StartLog:
    found = read_log(text)
    assert found is not None
    assert found.engine == "tgi"
    return found


def values(log: StartLog, of: str) -> dict[str, object]:
    return {name: item.value for name, item in getattr(log, of).items()}


def test_a_start_of_2() -> None:
    log = read(plain(LLAMA_ON_A10G))
    assert (log.outcome, log.starts, log.asked, log.releases) == ("ok", 1, True, ("2.2.0", "2.2.0"))
    assert values(log, "inputs") == {
        "engine_version": "2.2.0",
        "model": "meta-llama/Meta-Llama-3.1-8B-Instruct",
        "gpu_memory_utilization": 1.0,
        "max_input_tokens": 4095,
        "max_model_len": 4096,
        "max_num_batched_tokens": 4145,
        "tensor_parallel": 1,
    }
    assert values(log, "figures") == {"kv_cache_tokens": 19056}
    assert values(log, "seconds") == {
        "download": 145.66,
        "shard": 47.643196061,
        "warmup": 6.44,
        "graphs": 0.99,
        "engine": 7.43,
        "ready": pytest.approx(201.95, abs=0.01),
    }
    assert values(log, "decided")["CUDA graphs"] == "32, 16, 8, 4, 2, 1"
    # The arguments are one block, whose lines count.
    assert (log.inputs["model"].line, log.inputs["max_model_len"].line) == (1, len(OF_2) + 4 + 4)


def test_a_start_of_3_on_two_gpus() -> None:
    log = read(plain(GEMMA_ON_A6000))
    assert (log.outcome, log.releases) == ("ok", ("3.3.0", "3.3.6"))
    assert values(log, "inputs")["tensor_parallel"] == 2
    assert values(log, "figures") == {"kv_cache_tokens": 52125, "decided_len": 8000}
    assert values(log, "decided") == {
        "attention": "flashinfer",
        "prefix caching": "0",
        "shards": 2,
        "tokens of a prefill": 8000,
        "CUDA graphs": "32, 16, 8, 4, 2, 1",
        "longest request": 8000,
    }


def test_a_start_without_room_for_its_warm_up() -> None:
    log = read(plain(NO_ROOM))
    assert log.failure is not None
    assert (log.outcome, log.started, log.releases) == ("no_kv_blocks", False, ("3.0.0", "3.2.1"))
    assert log.failure.text.startswith("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 61.04 GiB.")
    assert values(log, "inputs")["total_gpu_gib"] == 79.11


def coloured(text: str) -> str:
    return "\n".join(f"\x1b[2m{row}\x1b[0m" if row.startswith("2025") else row for row in text.splitlines())


def by_cloudwatch(text: str) -> str:
    return coloured(text).replace("\x1b", "#033")


def by_docker(text: str) -> str:
    return "\n".join(f"tgi-1      | {row}" for row in text.splitlines())


def by_kubectl(text: str) -> str:
    return "\n".join(f"2025-07-04T12:00:00.307700574Z {row}" for row in text.splitlines())


def without_indentation(text: str) -> str:
    return "\n".join(row.lstrip() for row in text.splitlines())


def in_k9s(text: str) -> str:
    return "\n".join(f"│ {row:<120} │" for row in text.splitlines())


def by_a_runtime(text: str) -> str:
    return "\n".join(json.dumps({"log": f"{row}\n", "stream": "stdout"}) for row in text.splitlines())


@pytest.mark.parametrize(
    "form", [coloured, by_cloudwatch, by_docker, by_kubectl, without_indentation, in_k9s, by_a_runtime]
)
@pytest.mark.parametrize("records", [GEMMA_ON_A6000, LLAMA_ON_A10G, NO_ROOM])
def test_what_is_around_lines_does_not_matter(form: Callable[[str], str], records: tuple[Record, ...]) -> None:
    assert read(form(plain(records))) == read(plain(records))


@pytest.mark.parametrize("records", [GEMMA_ON_A6000, LLAMA_ON_A10G, NO_ROOM])
@pytest.mark.parametrize("form", [str, by_docker, by_kubectl, by_a_runtime])
def test_json_says_the_same_as_text(form: Callable[[str], str], records: tuple[Record, ...]) -> None:
    text, found = read(plain(records)), read(form(as_json(records)))
    for part in ("inputs", "figures", "seconds", "decided"):
        assert values(found, part) == values(text, part)
    assert (found.outcome, found.releases, found.starts) == (text.outcome, text.releases, text.starts)


def test_arguments_of_old_releases_are_one_line() -> None:
    given = {"model_id": '"a/b"', "num_shard": "Some(4)", "quantize": "Some(BitsandbytesNF4)", "dtype": "Some(Float16)"}
    log = read(plain((line("00:01.000000", flat({**given, "max_total_tokens": "8192"}, OLDEST)),)))
    assert values(log, "inputs") == {
        "model": "a/b",
        "tensor_parallel": 4,
        "quantization": "bitsandbytes-nf4",
        "dtype": "float16",
        "max_model_len": 8192,
        "gpu_memory_utilization": 1.0,
        "engine_version": "1.0.0",
    }
    assert log.releases == ("0.9.4", "1.0.0")


def test_arguments_whose_end_is_cut_lose_the_last_and_leave_releases_open() -> None:
    text = plain((line("00:01.000000", flat({"model_id": '"a/b"', "max_total_tokens": "8192"}, OLDEST)),))
    cut = read(text[: text.index("8192") + 2])
    assert "max_model_len" not in cut.inputs
    assert cut.inputs["model"].value == "a/b"
    assert cut.releases == ("0.9.2", "3.3.7")


def test_a_block_without_an_end_ends_with_the_next_record() -> None:
    whole = plain(LLAMA_ON_A10G)
    cut = read(whole.replace("    max_client_batch_size: None,\n", "").replace("\n}\n", "\n"))
    assert cut.outcome == "ok"
    assert values(cut, "figures") == {"kv_cache_tokens": 19056}


@pytest.mark.parametrize(("sizes", "eager"), [("Some([0])", True), ("Some([1, 2])", None), ("None", None)])
def test_sizes_of_graphs_of_which_0_is_none(sizes: str, eager: bool | None) -> None:
    log = read(plain((line("00:01.000000", pretty({"model_id": '"a/b"', "cuda_graphs": sizes}, OF_2)),)))
    assert values(log, "inputs").get("enforce_eager") is eager


def test_what_is_not_counted() -> None:
    log = read(plain((line("00:01.000000", pretty({"model_id": '"a/b"', "speculate": "Some(3)"}, OF_2)),)))
    assert list(log.not_counted) == ["speculate"]


@pytest.mark.parametrize(
    ("warned", "what"),
    [
        (
            router("02:00.000000", "router/src/main.rs:224", "Model does not support automatic max batch total tokens"),
            1,
        ),
        (line("02:00.000000", "Warmup (this can take several minutes)"), 1),
    ],
)
def test_tokens_that_no_memory_stands_behind_are_no_figure(warned: Record, what: int) -> None:
    records = (
        line("00:01.000000", flat({"model_id": '"google/flan-t5-base"'}, OLDEST)),
        warned,
        router("02:01.000000", "router/src/main.rs:246", "Setting max batch total tokens to 16000"),
        router("02:01.000010", "router/src/main.rs:247", "Connected", target="text_generation_router"),
    )
    log = read(plain(records))
    assert (log.figures, log.outcome, log.starts) == ({}, "ok", what)


ARGUMENTS = line("00:01.000000", pretty({"model_id": '"a/b"'}, OF_2))
WARM_UP = router("01:00.000000", "router/src/main.rs:317", "Warming up model", target="text_generation_router")
CAPTURE = line("01:05.000000", "Cuda Graphs are enabled for sizes [1, 2]")
TOO_LONG = "ArgumentValidation(`max_total_tokens` must be <= `max_batch_total_tokens`. Given: 9000 and 800)"


@pytest.mark.parametrize(
    ("records", "outcome"),
    [
        ((line("00:30.000000", OOM),), "oom_at_load"),
        ((WARM_UP, line("01:01.000000", OOM)), "no_kv_blocks"),
        ((WARM_UP, line("01:01.000000", "Not enough memory to handle 4096 prefill tokens.")), "no_kv_blocks"),
        ((WARM_UP, line("01:01.000000", "Not enough memory to handle `max_total_tokens=9000`")), "max_len_exceeds_kv"),
        ((WARM_UP, CAPTURE, line("01:06.000000", "RuntimeError: CUDA error: out of memory")), "no_kv_blocks"),
        ((WARM_UP, line("01:06.000000", TOO_LONG)), "max_len_exceeds_kv"),
        # The launcher refuses arguments in the same words, before anything is loaded.
        ((line("00:02.000000", TOO_LONG),), None),
        # It goes on without graphs.
        ((WARM_UP, CAPTURE, line("01:06.000000", f"Decode cuda graph warmup failed\n{OOM}")), None),
    ],
)
def test_failures_by_when_they_come(records: tuple[Record, ...], outcome: str | None) -> None:
    assert read(plain((ARGUMENTS, *records))).outcome == outcome


def test_graphs_that_found_no_memory_are_told() -> None:
    failed = line("01:06.000000", f"Decode cuda graph warmup failed\n{OOM}")
    end = router("01:07.000000", "router/src/main.rs:355", "Connected", target="text_generation_router")
    log = read(plain((ARGUMENTS, WARM_UP, CAPTURE, failed, end)))
    assert log.outcome == "ok"
    assert values(log, "decided")["CUDA graphs"] == "none, no memory was left for them"


@pytest.mark.parametrize(
    ("text", "releases"),
    [
        (router("00:01.000000", "router/src/server.rs:2423", "Connected"), ("3.1.0", "3.1.0")),
        (router("00:01.000000", "backends/v3/src/lib.rs:125", "Warming up model"), ("2.4.1", "3.3.7")),
        (line("00:01.000000", "Runtime environment:\nCommit sha: 411a28288de9218e2684d"), ("3.2.0", "3.2.0")),
        (router("00:01.000000", "router/src/main.rs:230", "Warming up model"), None),
    ],
)
def test_the_release_by_places_and_commits(text: Record, releases: tuple[str, str] | None) -> None:
    tokens = line("00:02.000000", "Setting max batch total tokens to 100")
    assert read(plain((text, tokens))).releases == releases


def test_places_count_before_arguments() -> None:
    # Builds between two releases have the arguments of the next.
    place = router("00:03.000000", "router/src/server.rs:2298", "Connected")
    assert read(plain((ARGUMENTS, place))).releases == ("3.3.0", "3.3.6")


def test_the_last_start_counts_and_another_engine_is_told_apart() -> None:
    both = f"{plain(NO_ROOM)}\n{plain(LLAMA_ON_A10G)}"
    log = read(both)
    assert (log.starts, log.outcome, values(log, "inputs")["max_model_len"]) == (2, "ok", 4096)
    alone = read_log(f"{plain((ARGUMENTS,))}\n{QWEN_ON_L40S}")
    assert alone is not None
    assert alone.engine == "vllm"


_ROWS = plain((*GEMMA_ON_A6000, *NO_ROOM)).splitlines() + as_json(LLAMA_ON_A10G).splitlines()
_SIGNS = st.text('{}[]()",:│ \nSome0 Args', max_size=20)


@given(st.lists(st.sampled_from(_ROWS) | st.text() | _SIGNS, max_size=40))
def test_any_lines_are_read(rows: list[str]) -> None:
    log = read_log("\n".join(rows))
    assert log is None or log.starts >= 1


@given(st.integers(0, len(plain(GEMMA_ON_A6000))))
def test_a_log_may_end_anywhere(end: int) -> None:
    log = read_log(plain(GEMMA_ON_A6000)[:end])
    assert log is None or log.failure is None
