"""What the sampler takes when it is warmed up, once the cache is there."""

import pytest

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.peak.expert_kernels import routed

L4 = {"gpu": "L4", "total_gpu_gib": 22.03, "engine_version": "0.29.0", "max_model_len": 8192, "tensor_parallel": 2}
EXPERTS = "Qwen/Qwen3-30B-A3B-Instruct-2507-FP8"
SAMPLER = 14 * 151936 / 2**30
CUBLAS = 2 * 8_519_680 / 2**30
"""Workspaces of cuBLAS and cuBLASLt, which stay from the profiling run on."""


def beside(**case: object) -> tuple[float, float]:
    """The sampler's memory beside the budget, and the activation peak, in GiB."""
    result = fit_case(FitCase.model_validate(L4 | case))
    line = next((item for item in result.explain if item.startswith("warming up the sampler")), "")
    assert result.activation_peak_gib is not None
    return float(line.split()[4]) if line else 0.0, result.activation_peak_gib


def test_buffers_of_experts_leave_the_sampler_less_of_the_peak() -> None:
    # akamaslabs/vllm-benchmark, study 15: two copies of two ranks ran out of memory in warmup_kernels, 768 sequences.
    facts = load_model(EXPERTS)
    assert facts is not None
    moe = facts.layers[0].moe
    assert moe is not None
    case = {"model": EXPERTS, "data_parallel": 2, "expert_parallel": True, "max_num_seqs": 768,
            "max_num_batched_tokens": 8192, "gpu_memory_utilization": 0.88}  # fmt: skip
    taken, peak = beside(**case)
    item = routed(moe, facts.hidden_size, tokens=2 * 8192, tp=2, ep=4, element=2)
    stay = item.rows * (max(item.width, item.hidden) + max(item.first, item.hidden)) * 2 / 2**30
    assert stay == pytest.approx(1.0)
    assert taken == pytest.approx(768 * SAMPLER + stay + CUBLAS - peak, abs=0.01)


def test_a_dense_model_has_no_such_buffers() -> None:
    taken, peak = beside(model="Qwen/Qwen3-0.6B", tensor_parallel=1, max_num_seqs=256, max_num_batched_tokens=2048)
    assert taken == pytest.approx(max(0.0, 256 * SAMPLER + CUBLAS - peak), abs=0.01)
