"""What the estimate of the cache may be too high by, and what is promised in spite of it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.memory.doubt import every_vllm_row, in_words, layouts, margin
from benchmarks.memory.scoring import states_inputs
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.budget.doubt import doubt_data, doubt_of
from llminfra.planning.memory.lines import fit_line

AWQ = {"config_ref": "Qwen/Qwen3-32B", "model": "somebody/Qwen3-32B-AWQ-mine", "quantization": "awq"}
ON_H100 = {"gpu": "H100-80GB", "engine_version": "0.27.1", "tensor_parallel": 1, "max_model_len": 16384}


def fit(**case):
    return fit_case(FitCase.model_validate(ON_H100 | case))


def test_the_least_is_the_estimate_less_its_margin():
    result = fit(model="Qwen/Qwen3-8B")
    kept = result.kv_cache_memory_gib - result.cache_doubt_gib
    part = kept / result.kv_cache_memory_gib
    assert result.kv_cache_tokens_at_least == pytest.approx(result.kv_cache_tokens * part, rel=0.001)
    assert result.cache_doubt_gib == pytest.approx(0.4 + 0.2 * result.activation_peak_gib, abs=0.001)


def test_a_copy_whose_files_were_not_read_has_a_larger_margin():
    read, unread = fit(model="Qwen/Qwen3-32B-AWQ"), fit(**AWQ)
    more = unread.cache_doubt_gib - read.cache_doubt_gib
    assert more == pytest.approx(unread.weights_gib_per_gpu / 8, rel=0.01)
    own = fit(**AWQ | {"config_ref": "Qwen/Qwen3-32B-AWQ"})
    assert own.cache_doubt_gib == read.cache_doubt_gib


def test_a_tight_start_says_that_the_copy_was_not_read():
    roomy = fit(**AWQ)
    spare = roomy.kv_cache_memory_gib - roomy.kv_needed_gib
    share = 0.92 - (spare - 1.0) / roomy.total_gpu_gib
    tight = fit(**AWQ, gpu_memory_utilization=round(share, 3))
    assert tight.tight
    assert "because the layout of the quantized copy was not read" in tight.reason


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tgi"])
@given(length=st.sampled_from([1024, 8192, 32768]), share=st.sampled_from([0.3, 0.5, 0.8, 0.95]))
def test_the_least_is_never_more_than_the_estimate(engine, length, share):
    case = {"model": "Qwen/Qwen3-8B", "engine": engine, "engine_version": None, "gpu": "L40S-48GB"}
    result = fit(**case, max_model_len=length, gpu_memory_utilization=share)
    if result.kv_cache_tokens:
        assert 0 <= result.kv_cache_tokens_at_least < result.kv_cache_tokens


def test_measured_starts_keep_the_margin_that_the_data_states():
    scores = every_vllm_row()
    found = margin([item for item in scores if states_inputs(item.row)])
    assert found.within / found.starts > 0.95
    assert found.least_above < found.above / 2
    assert found.roomy[1] / found.roomy[0] > 0.98
    assert found.tight[1] / found.tight[0] < found.roomy[1] / found.roomy[0]
    assert ("failed starts that were said to start with room", f"{found.failures[1]} of 100") in in_words(found)
    unread = sorted(layouts(scores)["known by a name alone"])
    stated = doubt_data()["of_weights_of_unread_copy"]
    assert 0.9 <= sum(error <= stated for error in unread) / len(unread) <= 0.97


def test_parts_of_the_margin_are_named():
    assert doubt_of(1.0).why == ""
    assert doubt_of(0.0, first_gib=1.16).why == ", 1.16 of them on a first start alone"
    assert doubt_of(2.0, unread_gib=8.0, first_gib=1.0).gib == pytest.approx(0.4 + 0.4 + 1.0 + 1.0)


def test_a_reranker_by_name_alone_starts_as_a_generator():
    row = {"model": "Qwen/Qwen3-Reranker-8B", "gpu": "RTX-PRO-6000-96GB", "engine_version": "0.20.2"}
    started, told = fit_line(json.dumps(row)), fit_line(json.dumps(row | {"task": "rerank"}))
    # 15.26 GiB were printed by such a start: with its head, which a reranker does not keep.
    assert started.weights_gib_per_gpu == pytest.approx(15.26, abs=0.01)
    assert told.weights_gib_per_gpu < 14.2


def test_the_data_says_what_its_figures_come_from():
    data = json.loads((Path(fit_case.__code__.co_filename).parent / "data" / "estimate_doubt.json").read_text())
    assert "benchmarks.memory.doubt" in data["_source"]
