"""DeepSeek V4: parameters as published, caches and blocks as its source lays them out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.cache.compressed_cache import pack
from llminfra.planning.memory.cache.kv_specs import CacheKind, cache_specs
from llminfra.planning.memory.shapes import Shards
from llminfra.planning.memory.weights.rank_weights import rank_weights

FLASH = "deepseek-ai/DeepSeek-V4-Flash"


@pytest.mark.parametrize(("model", "billions"), [(FLASH, 284), ("deepseek-ai/DeepSeek-V4-Pro", 1600)])
def test_parameters_are_those_of_the_model_card(model, billions):
    (stage,) = rank_weights(load_model(model), None, Shards(), dtype="bfloat16")
    assert stage.total / 2e9 == pytest.approx(billions, rel=0.02)


def test_experts_are_stored_in_four_bit():
    plain = fit_case(FitCase(model=FLASH, tensor_parallel=4, engine_version="0.33.0"))
    assert plain.weights_gib_per_gpu * 4 == pytest.approx(148, abs=3)


def test_pages_of_a_layer():
    specs = cache_specs(load_model(FLASH), tp=8, kv_bytes=1, state_bytes=2)
    kinds = {(spec.kind, spec.span, spec.block, spec.padded_page) for spec in specs}
    # 64 rows of 584 bytes, rounded up to 576: of the window, and of 256 tokens by four; 2 rows by 128; compressors.
    assert kinds == {
        (CacheKind.WINDOW, 128, 64, 37440),
        (CacheKind.FULL, 0, 256, 37440),
        (CacheKind.FULL, 0, 256, 1728),
        (CacheKind.FULL, 0, 256, 8640),
        (CacheKind.WINDOW, 8, 4, 32832),
        (CacheKind.WINDOW, 8, 4, 8640),
        (CacheKind.WINDOW, 128, 8, 32832),
    }
    assert len(specs) == 43 + 2 * 41 + 2 * 21


@pytest.mark.parametrize(
    ("version", "block_bytes"),
    [
        # 22 windows or states, 21 index pages, 20 pages of 128 tokens a state.
        ("0.21.0", 22 * 37440 + 21 * 8640 + 20 * 1728),
        ("0.28.0", 22 * 37440 + 21 * 8640 + 20 * 1728),
        # The largest group: all compressed states.
        ("0.33.0", 21 * 37440 + 21 * 8640 + 20 * 1728),
    ],
)
def test_a_request_takes_blocks_of_every_group(version, block_bytes):
    result = fit_case(
        FitCase(model=FLASH, tensor_parallel=2, engine_version=version, max_model_len=500_000,
                max_num_batched_tokens=8192)
    )  # fmt: skip
    tokens = 8192 * (2 if version != "0.21.0" else 1)

    def pages(span, block):
        return -(-(span - 1 + tokens) // block) + 1

    blocks = -(-500_000 // 256) + 2 * pages(128, 64) + pages(8, 4) + pages(128, 8)
    assert result.kv_needed_gib == pytest.approx(blocks * block_bytes / 2**30, rel=1e-4)


def test_every_rank_holds_the_whole_cache():
    one, eight = (
        fit_case(FitCase(model=FLASH, tensor_parallel=tp, engine_version="0.33.0", max_model_len=65536)).kv_needed_gib
        for tp in (1, 8)
    )
    assert one == eight


@settings(deadline=None)
@given(stages=st.integers(1, 6), widest=st.booleans())
def test_stages_share_the_groups(stages, widest):
    specs = cache_specs(load_model(FLASH), tp=1, kv_bytes=1, state_bytes=2)
    stage_of = [index * stages // len(specs) for index in range(len(specs))]
    cut = pack(specs, stage_of, stages, widest_group=widest)
    whole = pack(specs, [0] * len(specs), 1, widest_group=widest)
    assert cut.groups == whole.groups
    assert sum(number for _, number in cut.groups) == len(specs)
    assert max(cut.stage_bytes) <= whole.stage_bytes[0]
    assert all(size > 0 for size in cut.stage_bytes)
