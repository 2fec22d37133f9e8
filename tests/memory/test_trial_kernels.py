"""What trials of Triton's kernels leave on a device: where they spill, and only on a first start."""

import pytest

from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.peak.trial_kernels import trial_bytes
from llminfra.planning.memory.releases.engine_profile import vllm_profile

GIB = 2**30
TWO_HEADS, THREE_HEADS, SOFTMAX = "Qwen/Qwen3.6-35B-A3B", "Qwen/Qwen3.6-27B", "Qwen/Qwen3-8B"


def left(model, gpu, version, *, tried=False):
    return trial_bytes(load_model(model), vllm_profile(version), find_gpu(gpu), tried=tried) / GIB


def test_a_first_start_on_an_a100_leaves_what_pairs_of_starts_differ_by():
    # Five pairs of starts, first and later, of one shape each (0.27.0, four A100 of 40 GB): 2.18 GiB.
    assert left(TWO_HEADS, "A100-40GB", (0, 27, 0)) == pytest.approx(2.18, rel=0.04)
    assert left(TWO_HEADS, "A100-40GB", (0, 27, 0), tried=True) == 0


@pytest.mark.parametrize(
    ("model", "gpu", "version"),
    [
        (SOFTMAX, "A100-80GB", (0, 33, 0)),  # no kernel is tried
        (TWO_HEADS, "A100-80GB", (0, 26, 0)),  # Triton 3.6 spills less
        (THREE_HEADS, "A100-80GB", (0, 27, 1)),  # three value heads for each key head
        (TWO_HEADS, "H100", (0, 33, 0)),  # FlashInfer's kernel
        (TWO_HEADS, "B200", (0, 33, 0)),
        (TWO_HEADS, "L40S", (0, 33, 0)),  # smaller shapes are tried
        (TWO_HEADS, "A10G", (0, 33, 0)),
    ],
)
def test_nothing_is_left_where_no_shape_spills(model, gpu, version):
    assert left(model, gpu, version) == 0


def test_since_0_32_all_heads_spill():
    assert left(THREE_HEADS, "A100-80GB", (0, 32, 0)) > 2


def test_the_plan_says_that_it_is_the_first_start():
    case = {"model": TWO_HEADS, "gpu": "A100-40GB", "tensor_parallel": 4, "engine_version": "0.27.0"}
    first, later = fit_case(FitCase(**case)), fit_case(FitCase(**case, compiled=True))
    assert any("trials of Triton's kernels leave (on a first start)" in line for line in first.explain)
    assert not any("trials of" in line for line in later.explain)
    assert later.kv_cache_memory_gib - first.kv_cache_memory_gib >= left(TWO_HEADS, "A100-40GB", (0, 27, 0))
