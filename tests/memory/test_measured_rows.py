"""The planner against measured start-ups; floors are a little below what is reached, so that a regression shows."""

from functools import cache
from pathlib import Path

import pytest

from benchmarks.memory.run import (
    BLIND_ROWS,
    DATASETS,
    FURTHER_ROWS,
    LATEST_ROWS,
    MORE_ROWS,
    NEWEST_ROWS,
    OTHER_ROWS,
    PAGE_ROWS,
    RECENT_ROWS,
    ROWS,
    ROWS_DOCS,
    SGLANG_ROWS,
    UNSEEN_FURTHER_ROWS,
    UNSEEN_ROWS,
    UNSEEN_THIRD_ROWS,
    figures_table,
    main,
    rows_page,
)
from benchmarks.memory.scoring import Score, figures, left_out, scores_of


@cache
def scored(file: Path) -> dict[str, Score]:
    """Scores of a file's rows by their ids: made by the first test that asks, not while tests are collected."""
    return {item.row["id"]: item for item in scores_of(file)}


def of(name: str) -> Score:
    return scored(ROWS)[name]


def test_every_row_is_read_and_answered_in_order():
    assert len(scored(ROWS)) == 103
    # One model of the file is in no catalog and names no config: an error, never a guess.
    assert [name for name, item in scored(ROWS).items() if item.result.error] == []


@pytest.mark.parametrize(
    ("name", "floor"),
    [
        ("cache bytes per token within 1 %", 0.90),
        ("weights within 2 %", 0.92),
        ("cache tokens within 10 %", 0.80),
        ("cache tokens not above the truth by more than 10 %", 0.87),
        ("verdict right", 0.94),
        ("failed start never called fitting", 0.83),
    ],
)
def test_figures_hold_their_floor(name, floor):
    reached = {item.name: item for item in figures(list(scored(ROWS).values()))}
    assert reached[name].rows >= 18
    assert reached[name].reached >= floor


def test_cache_bytes_are_exact_where_the_row_states_every_input():
    unstated = {
        "docs-recipes-kimi-k2-thinking-tp8-dcp8",  # decode context parallelism is in its name only
        "gh39625-rtxpro6000x2-minimax-m27-nvfp4",  # the cache dtype is not stated
        "gh21348-h100x4-qwen3-235b-fp8",  # derived from two rounded figures
    }
    for name, item in scored(ROWS).items():
        if item.kv_bytes is not None and name not in unstated:
            assert abs(item.kv_bytes) < 0.002, name


@pytest.mark.parametrize(
    "name",
    [
        "rtx3090-qwen25-7b-u090",
        "rtx3090-llama31-8b-u075",
        "h100-qwen3-30b-a3b-2507-bf16",
        "h100-qwen3-30b-a3b-2507-fp8",
        "h200-llama3-8b",
        "a100-40-llama31-8b-gce",
        "l40s-qwen25-1.5b",
        "l4-llama31-8b",
    ],
)
def test_cache_tokens_of_fully_stated_starts_are_within_five_percent(name):
    assert abs(of(name).tokens) < 0.05


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("rtx3090-qwen25-7b-u060-fail", "LLM_MEM_2"),
        ("rtx3090-qwen25-7b-u065-fail", "LLM_MEM_3"),
        ("rtx3090-llama31-8b-u070-fail", "LLM_MEM_3"),
        ("gh27508-h100-gptoss120b-default", "LLM_MEM_2"),
        ("gh9630-h100nvl-llama32-11b-vision", "LLM_MEM_2"),
        ("gh23230-l40s-nemotron-nano-9b-v2", "LLM_MEM_5"),
    ],
)
def test_failed_starts_fail_for_the_measured_reason(name, code):
    assert of(name).result.reason.startswith(code)


def test_estimated_length_matches_what_the_engine_printed():
    for name in ("rtx3090-qwen25-7b-u065-fail", "rtx3090-llama31-8b-u070-fail"):
        assert of(name).result.estimated_max_len == pytest.approx(of(name).row["estimated_max_len"], rel=0.08)


def test_rows_that_do_not_count_say_why():
    assert left_out({"id": "x", "gpu": "GB10-128GB-unified"}) == "unified memory"
    assert left_out({"id": "x-offload", "gpu": "L40S-48GB"}) == "CPU offload"
    assert left_out({"id": "x", "gpu": "MI300X-192GB"}) == "not an NVIDIA GPU"
    assert left_out({"id": "x", "gpu": "H100-80GB"}) == ""


def test_benchmark_prints_the_figures_and_writes_no_file_by_itself(capsys):
    before = Path("docs/memory.md").read_bytes()
    assert main([str(ROWS), "--worst", "2"]) == 0
    out = capsys.readouterr().out
    assert "weights within 2 %" in out
    assert "wrong verdicts" in out
    assert Path("docs/memory.md").read_bytes() == before


def test_docs_are_current():
    scores = {name: list(scored(file).values()) for name, file in DATASETS.items()}
    text = Path("docs/memory.md").read_text(encoding="utf-8")
    assert figures_table(scores) in text, "run: python -m benchmarks.memory.run --write-docs"
    assert ROWS_DOCS.read_text(encoding="utf-8") == rows_page(scores), "as above"


def test_later_rows_are_others_and_reach_the_targets():
    assert len(scored(MORE_ROWS)) == 259
    assert not set(scored(MORE_ROWS)) & set(scored(ROWS))
    reached = {item.name: item.reached for item in figures(list(scored(MORE_ROWS).values()))}
    assert reached["cache bytes per token within 1 %"] >= 0.95
    assert reached["weights within 2 %"] >= 0.90
    assert reached["cache tokens within 10 %"] >= 0.90
    assert reached["cache tokens not above the truth by more than 10 %"] >= 0.95
    assert reached["verdict right"] >= 0.915


@pytest.mark.parametrize(
    "name",
    [
        "lldplanner-h100-google-gemma-3-4b-it-tp1pp1dp1--8192",  # linear scaling and a local table
        "lldplanner-json-h100-mistralai-mistral-small--tp4pp1dp1--8192",  # a tower that every rank holds whole
        "file-l4-qwen25vl-7b-l2048",  # multimodal positions
        "repo-docavatar-dotsocr-091-u075",  # a merger of four patches
    ],
)
def test_weights_of_later_rows_are_within_half_a_percent(name):
    assert abs(scored(MORE_ROWS)[name].weights) < 0.005


@pytest.mark.parametrize(
    "name",
    [
        "lldplanner-h100-qwen-qwen3-30b-a3b-tp1pp1dp1--8192",  # buffers of experts stay beside the sampler's
        "lldplanner-h100-qwen-qwen2-5-72b-instruc-tp2pp1dp1--8192",  # NCCL on an H100 pair in 0.19
        "lldplanner-h100-meta-llama-llama-3-1-8b--tp1pp4dp1--8192",  # stages of one rank each
        "kyuz0-3090-llama31-8b-tp1",
        "kyuz0-a100-qwen3coder-30b-gptq4-tp1",
    ],
)
def test_cache_tokens_of_later_rows_are_within_two_percent(name):
    assert abs(scored(MORE_ROWS)[name].tokens) < 0.02


def test_latest_rows_are_others_and_hold_their_floors():
    assert len(scored(LATEST_ROWS)) == 396
    assert not set(scored(LATEST_ROWS)) & (set(scored(MORE_ROWS)) | set(scored(ROWS)))
    reached = {item.name: item.reached for item in figures(list(scored(LATEST_ROWS).values()))}
    assert reached["cache bytes per token within 1 %"] >= 0.81
    assert reached["weights within 2 %"] >= 0.78
    assert reached["cache tokens within 10 %"] >= 0.72
    assert reached["cache tokens not above the truth by more than 10 %"] >= 0.87
    assert reached["verdict right"] >= 0.88


def test_newest_rows_are_others_and_keep_what_was_reached() -> None:
    assert len(scored(NEWEST_ROWS)) == 232
    assert not set(scored(NEWEST_ROWS)) & (set(scored(LATEST_ROWS)) | set(scored(MORE_ROWS)) | set(scored(ROWS)))
    reached = {item.name: item.reached for item in figures(list(scored(NEWEST_ROWS).values()))}
    assert reached["cache bytes per token within 1 %"] >= 0.88
    assert reached["weights within 2 %"] >= 0.80
    assert reached["cache tokens within 10 %"] >= 0.63
    assert reached["cache tokens not above the truth by more than 10 %"] >= 0.89
    assert reached["verdict right"] >= 0.80
    assert reached["failed start never called fitting"] >= 0.88


def test_further_rows_are_others_and_keep_what_was_reached() -> None:
    assert len(scored(FURTHER_ROWS)) == 184
    assert not set(scored(FURTHER_ROWS)) & (
        set(scored(NEWEST_ROWS)) | set(scored(LATEST_ROWS)) | set(scored(MORE_ROWS)) | set(scored(ROWS))
    )
    reached = {item.name: item.reached for item in figures(list(scored(FURTHER_ROWS).values()))}
    assert reached["weights within 2 %"] >= 0.81
    assert reached["cache tokens within 10 %"] >= 0.63
    assert reached["cache tokens not above the truth by more than 10 %"] >= 0.83
    assert reached["verdict right"] >= 0.75
    assert reached["failed start never called fitting"] >= 0.61


def test_recent_rows_are_others_and_keep_what_was_reached() -> None:
    assert len(scored(RECENT_ROWS)) == 124
    assert not set(scored(RECENT_ROWS)) & (
        set(scored(FURTHER_ROWS))
        | set(scored(NEWEST_ROWS))
        | set(scored(LATEST_ROWS))
        | set(scored(MORE_ROWS))
        | set(scored(ROWS))
    )
    reached = {item.name: item.reached for item in figures(list(scored(RECENT_ROWS).values()))}
    assert reached["cache bytes per token within 1 %"] >= 0.98
    assert reached["weights within 2 %"] >= 0.97
    assert reached["cache tokens within 10 %"] >= 0.88
    assert reached["cache tokens not above the truth by more than 10 %"] >= 0.89
    assert reached["verdict right"] >= 0.98
    assert reached["failed start never called fitting"] >= 0.80


def test_other_rows_are_others_and_keep_what_was_reached() -> None:
    assert len(scored(OTHER_ROWS)) == 100
    assert not set(scored(OTHER_ROWS)) & {
        name for file in DATASETS.values() if file != OTHER_ROWS for name in scored(file)
    }
    reached = {item.name: item.reached for item in figures(list(scored(OTHER_ROWS).values()))}
    assert reached["cache bytes per token within 1 %"] >= 0.94
    assert reached["weights within 2 %"] >= 0.72
    assert reached["cache tokens within 10 %"] >= 0.82
    assert reached["cache tokens not above the truth by more than 10 %"] >= 0.86
    assert reached["verdict right"] >= 0.98
    assert reached["failed start never called fitting"] == 1


def test_blind_rows_are_others_and_keep_what_was_reached() -> None:
    assert len(scored(BLIND_ROWS)) == 109
    assert not set(scored(BLIND_ROWS)) & {
        name for file in DATASETS.values() if file != BLIND_ROWS for name in scored(file)
    }
    reached = {item.name: item.reached for item in figures(list(scored(BLIND_ROWS).values()))}
    assert reached["cache bytes per token within 1 %"] >= 0.95
    assert reached["weights within 2 %"] >= 0.89
    assert reached["cache tokens within 10 %"] >= 0.77
    assert reached["cache tokens not above the truth by more than 10 %"] >= 0.85
    assert reached["verdict right"] >= 0.95
    assert reached["failed start never called fitting"] >= 0.81


def test_unseen_rows_are_others_and_keep_what_was_reached() -> None:
    assert len(scored(UNSEEN_ROWS)) == 74
    assert not set(scored(UNSEEN_ROWS)) & {
        name for file in DATASETS.values() if file != UNSEEN_ROWS for name in scored(file)
    }
    reached = {item.name: item.reached for item in figures(list(scored(UNSEEN_ROWS).values()))}
    assert reached["cache bytes per token within 1 %"] >= 0.84
    assert reached["weights within 2 %"] >= 0.9
    assert reached["cache tokens within 10 %"] >= 0.67
    assert reached["cache tokens not above the truth by more than 10 %"] >= 0.85
    assert reached["verdict right"] >= 0.97
    assert reached["failed start never called fitting"] >= 0.92


def test_unseen_further_rows_are_others_and_keep_what_was_reached() -> None:
    assert len(scored(UNSEEN_FURTHER_ROWS)) == 31
    assert not set(scored(UNSEEN_FURTHER_ROWS)) & {
        name for file in DATASETS.values() if file != UNSEEN_FURTHER_ROWS for name in scored(file)
    }
    reached = {item.name: item.reached for item in figures(list(scored(UNSEEN_FURTHER_ROWS).values()))}
    assert reached["cache bytes per token within 1 %"] >= 0.93
    assert reached["weights within 2 %"] >= 0.93
    assert reached["cache tokens within 10 %"] == 1
    assert reached["cache tokens not above the truth by more than 10 %"] == 1
    assert reached["verdict right"] >= 0.83
    assert reached["failed start never called fitting"] == 1


def test_unseen_third_rows_are_others_and_keep_what_was_reached() -> None:
    assert len(scored(UNSEEN_THIRD_ROWS)) == 60
    assert not set(scored(UNSEEN_THIRD_ROWS)) & {
        name for file in DATASETS.values() if file != UNSEEN_THIRD_ROWS for name in scored(file)
    }
    reached = {item.name: item.reached for item in figures(list(scored(UNSEEN_THIRD_ROWS).values()))}
    assert reached["cache bytes per token within 1 %"] == 1
    assert reached["weights within 2 %"] >= 0.96
    assert reached["cache tokens within 10 %"] >= 0.66
    assert reached["cache tokens not above the truth by more than 10 %"] >= 0.77
    assert reached["verdict right"] >= 0.93
    assert reached["failed start never called fitting"] == 1


def test_first_starts_of_one_page_keep_what_was_reached() -> None:
    assert len(scored(PAGE_ROWS)) == 27
    assert not set(scored(PAGE_ROWS)) & {
        name for file in DATASETS.values() if file != PAGE_ROWS for name in scored(file)
    }
    reached = {item.name: item.reached for item in figures(list(scored(PAGE_ROWS).values()))}
    assert reached["weights within 2 %"] == 1
    assert reached["cache tokens within 10 %"] >= 0.88
    assert reached["cache tokens not above the truth by more than 10 %"] >= 0.88
    assert reached["verdict right"] >= 0.96


def test_symmetric_experts_of_gptq_keep_zero_points() -> None:
    row = scored(PAGE_ROWS)["pg-3090-qwen-qwen3-5-35b-a3b-gptq-int4"]
    assert row.result.weights_gib_per_gpu == pytest.approx(20.27, abs=0.01)


def test_copies_of_the_third_set_are_known_by_name() -> None:
    rows = scored(UNSEEN_THIRD_ROWS)
    mixed = rows["ut-3090x2-qwen38-27b-awq-bf16-int4-262k-0290"]
    assert mixed.weights == pytest.approx(0, abs=0.002)
    # One request of the first revision needs more than is left; of the one that was quantized anew it would not.
    first = rows["ut-5090-qwen36-27b-nvfp4-mtp2-u085-16k-fail"]
    assert first.result.weights_gib_per_gpu == pytest.approx(24.84, abs=0.05)
    assert first.result.fits is False
    # The last eight of 40 layers have experts in FP8.
    eighths = rows["ut-5090-qwen36-35b-nvfp4-u09-32k-0240-fail"]
    assert eighths.weights == pytest.approx(0, abs=0.003)
    assert eighths.result.fits is False


def test_experts_keep_their_buffers_while_a_delta_layer_works() -> None:
    rows = scored(UNSEEN_THIRD_ROWS)
    assert rows["ut-l40sx4-qwen35-122b-fp8-u095-32k-0180"].tokens == pytest.approx(0.014, abs=0.01)
    assert rows["ut-l40sx4-qwen35-122b-fp8-u098-32k-0180"].tokens == pytest.approx(0.012, abs=0.01)


@pytest.mark.parametrize(
    "name",
    [
        "vdb-h200-deepseek-r1-0528-tp8-v0.14.1-l10000-6205",
        "vdb-h200-deepseek-r1-0528-tp8-v0.16.0-l8192-8260",
        "vdb-b200-deepseek-r1-0528-tp8-v0.18.0-l8192-a9a0",
        "vdb-h200-nvidia-nemotron-3-super-120b-a12b-fp8-tp2-v0.17.1-l8192-d5b4",
        "vdb-h200-qwen3-vl-30b-a3b-instruct-tp1-v0.14.1-l8192-32f9",
    ],
)
def test_kernels_for_experts_decide_what_stays(name) -> None:
    """Buffers of Triton's that were planned, or were not, made a difference of 0.5 to 1.8 GiB."""
    row = scored(LATEST_ROWS)[name]
    off = (row.weights or 0.0) * row.row["weights_gib_per_gpu"]
    assert row.result.kv_cache_memory_gib + off == pytest.approx(row.row["kv_cache_memory_gib"], abs=0.3)


def test_0_6_4_counts_the_context_inside_the_budget() -> None:
    row = scored(UNSEEN_THIRD_ROWS)["ut-gtx1080-llama32-1b-fp16-105k-064"]
    assert row.result.fits is True
    assert row.result.non_torch_gib == pytest.approx(0.67, abs=0.02)
    assert any("libraries, CUDA context" in line for line in row.result.explain)


def test_activations_of_float32_take_four_bytes() -> None:
    row = scored(UNSEEN_THIRD_ROWS)["ut-1650-qwen25-05b-fp32-1k-0280"]
    # The table that a first start copies: 151,936 words of 896 values.
    assert row.result.activation_peak_gib == pytest.approx(151936 * 896 * 4 / 2**30, abs=0.05)


def test_the_longest_video_of_qwen3_vl_is_padded_in_0_11_and_0_12() -> None:
    rows = scored(UNSEEN_FURTHER_ROWS)
    assert rows["uf-3090x4-qwen3-vl-30b-64k-0110"].result.kv_cache_memory_gib == pytest.approx(2.31, abs=0.25)
    # No video may come, so nothing is padded to one.
    assert rows["uf-l40sx8-qwen3-vl-235b-awq-32k"].result.kv_cache_memory_gib == pytest.approx(22.78, abs=0.6)
    assert scored(MORE_ROWS)["repo-vca-h100x2-qwen3-vl-30b-s64"].tokens == pytest.approx(0, abs=0.02)


def test_copies_that_leave_layers_in_16_bit_are_known_by_name() -> None:
    rows = scored(UNSEEN_ROWS)
    nano = rows["u-5090lap-nemotron3-nano4b-fp8-16k-0290"]
    assert nano.result.weights_gib_per_gpu == pytest.approx(5.04, abs=0.01)
    assert nano.result.kv_bytes_per_token_per_gpu == 20496
    qwen = rows["u-unk-qwen35-35b-a3b-awq-eager-32k-0171rc"]
    assert qwen.result.weights_gib_per_gpu == pytest.approx(22.4, abs=0.05)


def test_rows_of_sglang_are_others_and_keep_what_was_reached() -> None:
    assert len(scored(SGLANG_ROWS)) == 45
    assert not set(scored(SGLANG_ROWS)) & {
        name for file in DATASETS.values() if file != SGLANG_ROWS for name in scored(file)
    }
    reached = {item.name: item.reached for item in figures(list(scored(SGLANG_ROWS).values()))}
    assert reached["cache bytes per token within 1 %"] == 1
    assert reached["weights within 2 %"] >= 0.55
    assert reached["cache tokens within 10 %"] >= 0.87
    assert reached["cache tokens not above the truth by more than 10 %"] >= 0.96
    assert reached["verdict right"] >= 0.93
    assert reached["failed start never called fitting"] >= 0.62


@pytest.mark.parametrize(
    ("name", "within"),
    [
        ("n-ghf-3090x2-gemma4-31b-fp8-tp2-l33024", 0.02),  # block FP8 on Ampere
        ("n-repo-memharm-qwen25-7b-bnb-016", 0.005),  # scales of bitsandbytes
        ("n-repo-l40s-x8-internvl3-78b-066", 0.02),  # 25 heads over 8 ranks
    ],
)
def test_what_the_newest_rows_showed_is_counted(name: str, within: float) -> None:
    error = scored(NEWEST_ROWS)[name].weights
    assert error is not None
    assert abs(error) < within


def test_rows_of_the_run_database_are_within_five_percent():
    known = {
        name: item for name, item in scored(LATEST_ROWS).items() if name.startswith("vdb-") and item.tokens is not None
    }
    assert len(known) >= 30
    far = [name for name, item in known.items() if abs(item.tokens) > 0.05]
    assert len(far) <= len(known) * 0.1, far


def test_rows_that_exclude_themselves_count_nowhere():
    out = {name: item for name, item in scored(LATEST_ROWS).items() if item.row.get("excluded")}
    assert out
    assert all(item.left_out and item.verdict is None and item.tokens is None for item in out.values())
