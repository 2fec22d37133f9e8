"""The fourth set of start-ups that were committed before anything was scored on them, and what it showed."""

import json
from functools import cache
from pathlib import Path

import pytest

from benchmarks.memory.run import DATASETS, UNSEEN_FOURTH_ROWS
from benchmarks.memory.scoring import Score, figures, scores_of


@cache
def scored() -> dict[str, Score]:
    return {item.row["id"]: item for item in scores_of(UNSEEN_FOURTH_ROWS)}


def ids(file: Path) -> set[str]:
    return {json.loads(line)["id"] for line in file.read_text(encoding="utf-8").splitlines() if line.strip()}


def test_rows_are_others_and_keep_what_was_reached() -> None:
    assert len(scored()) == 60
    assert not set(scored()) & {name for file in DATASETS.values() if file != UNSEEN_FOURTH_ROWS for name in ids(file)}
    reached = {item.name: item.reached for item in figures(list(scored().values()))}
    assert reached["cache bytes per token within 1 %"] == 1
    assert reached["weights within 2 %"] >= 0.8
    assert reached["cache tokens within 10 %"] >= 0.62
    assert reached["cache tokens not above the truth by more than 10 %"] >= 0.85
    assert reached["verdict right"] >= 0.78
    assert reached["failed start never called fitting"] >= 0.56


def test_layers_that_borrow_picks_keep_no_keys() -> None:
    row = scored()["u4-h20x8-glm52-fp8-u090-128k"]
    assert row.kv_bytes == pytest.approx(0, abs=0.001)
    assert row.tokens == pytest.approx(0.067, abs=0.01)


def test_first_starts_keep_one_copy_where_attention_follows_recurrent_layers() -> None:
    first = scored()["u4-3090ti-qwen38-27b-w4a16-u090-32k-first-fail"]
    assert first.result.kv_cache_memory_gib == pytest.approx(1.52, abs=0.15)
    # The length that the engine's error names, too.
    assert "up to 19600 tokens would start" in first.result.reason
    assert scored()["u4-3090ti-qwen38-27b-w4a16-u088-16k-fail"].verdict
