"""The fourth set of start-ups that were committed before anything was scored on them: what it showed."""

import pytest

from benchmarks.memory.run import UNSEEN_FOURTH_ROWS
from tests.memory.scored import scored


def test_layers_that_borrow_picks_keep_no_keys() -> None:
    row = scored(UNSEEN_FOURTH_ROWS)["u4-h20x8-glm52-fp8-u090-128k"]
    assert row.kv_bytes == pytest.approx(0, abs=0.001)
    assert row.tokens == pytest.approx(0.057, abs=0.01)


def test_first_starts_keep_one_copy_where_attention_follows_recurrent_layers() -> None:
    first = scored(UNSEEN_FOURTH_ROWS)["u4-3090ti-qwen38-27b-w4a16-u090-32k-first-fail"]
    assert first.result.kv_cache_memory_gib == pytest.approx(1.52, abs=0.15)
    # The length that the engine's error names, too.
    assert "up to 19600 tokens would start" in first.result.reason
    assert scored(UNSEEN_FOURTH_ROWS)["u4-3090ti-qwen38-27b-w4a16-u088-16k-fail"].verdict
