"""The workspace of fused sums: FlashInfer's buffers by release, ranks and device."""

import pytest

from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.peak.fused_allreduce import fused_allreduce_gib
from llminfra.planning.memory.releases.engine_profile import vllm_profile
from llminfra.planning.memory.releases.settings import resolve

LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
MIB = 1 / 1024


def workspace(version, gpu="H100", model=LLAMA, **case):
    facts, profile, device = load_model(model), vllm_profile(version), find_gpu(gpu)
    asked = FitCase(model=model, **{"tensor_parallel": 2, "max_num_batched_tokens": 8192, **case})
    return fused_allreduce_gib(facts, profile, resolve(facts, asked, profile, device, None), device)


@pytest.mark.parametrize(
    ("version", "case", "expected"),
    [
        # enable_allreduce_rms_fusion is in vllm/config/vllm.py since 0.17.
        ((0, 16, 0), {}, 0),
        # mnnvl.py SymmDeviceMemory 0.6.4-0.6.9: three buffers of at least 512 MiB, whatever is summed.
        ((0, 17, 0), {}, 1.5),
        ((0, 19, 0), {"tensor_parallel": 4}, 1.5),
        ((0, 20, 2), {"tensor_parallel": 8}, 1.5),
        # torch_symmetric_memory.py since 0.6.10: 64 MiB on two ranks, one buffer of both and three rounds of both.
        ((0, 22, 0), {}, 512 * MIB),
        ((0, 22, 0), {"max_num_batched_tokens": 2048}, 128 * MIB),
        ((0, 24, 0), {"tensor_parallel": 4}, 32 * MIB),
        ((0, 24, 0), {"tensor_parallel": 4, "gpu": "B200"}, 512 * MIB),
        # trtllm_mnnvl_ar.py: one buffer in pages that the switch multicasts.
        ((0, 25, 1), {}, 0.5),
        ((0, 25, 1), {"tensor_parallel": 4}, 0.5),
        # No size is given for six ranks.
        ((0, 19, 0), {"tensor_parallel": 6}, 0),
        # Optimization level 0 does not fuse, nor do data-parallel copies and stages until 0.20.
        ((0, 19, 0), {"enforce_eager": True}, 0),
        ((0, 19, 0), {"data_parallel": 2, "model": "Qwen/Qwen3-30B-A3B"}, 0),
        ((0, 19, 0), {"pipeline_parallel": 2}, 0),
        ((0, 24, 0), {"data_parallel": 2, "model": "mistralai/Mixtral-8x7B-v0.1"}, 512 * MIB),
        # Neither Ampere nor cards without a switch: compute capability 9.0 and 10.x.
        ((0, 19, 0), {"gpu": "A100-80GB"}, 0),
        ((0, 19, 0), {"gpu": "RTX PRO 6000"}, 0),
    ],
)
def test_size_of_the_workspace(version, case, expected):
    assert workspace(version, **case) == pytest.approx(expected, abs=0.002)


def test_it_is_part_of_what_is_not_pytorchs():
    case = {"model": LLAMA, "gpu": "H100", "tensor_parallel": 2, "max_model_len": 8192, "engine_version": "0.19.0"}
    compiled, eager = fit_case(FitCase(**case)), fit_case(FitCase(**case, enforce_eager=True))
    # 2.07 GiB on an H100 pair with 0.19.0 (llm-d-incubation/llm-d-planner, accuracy/results).
    assert compiled.non_torch_gib == pytest.approx(2.07, abs=0.05)
    assert compiled.non_torch_gib - eager.non_torch_gib == pytest.approx(1.5, abs=0.001)
    assert "1.50 of fused all-reduce" in " ".join(compiled.explain)
