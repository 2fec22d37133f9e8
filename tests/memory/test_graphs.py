"""Captured graphs: sizes by release, and what they take, as start-up logs print it."""

import pytest

from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.peak.overhead import (
    captured_sizes,
    cuda_context_gib,
    nccl_before_baseline_gib,
    old_driver,
)
from llminfra.planning.memory.releases.attention_backend import split_bytes
from llminfra.planning.memory.releases.engine_profile import parse_version, vllm_profile
from llminfra.planning.memory.releases.settings import resolve

LLAMA, OSS = "meta-llama/Llama-3.1-8B-Instruct", "openai/gpt-oss-20b"


def sizes(model=LLAMA, version=(0, 11, 0), **case):
    facts, profile = load_model(model), vllm_profile(version)
    return captured_sizes(facts, profile, resolve(facts, FitCase(model=model, **case), profile, None, None))


@pytest.mark.parametrize(
    ("model", "version", "case", "expected"),
    [
        # 1, 2, 4, 8, 16 ... 512: the 67 sizes that logs of 0.8 to 0.11.0 count.
        (LLAMA, (0, 9, 2), {"max_num_seqs": 16}, (67, 0, 512)),
        (LLAMA, (0, 10, 2), {"max_num_seqs": 256}, (67, 0, 512)),
        (LLAMA, (0, 10, 2), {"max_num_seqs": 16}, (7, 0, 32)),
        # Since 0.11.1 every sixteenth above 256: the 51 sizes that logs of 0.12 count, and 35 whole ones up to 256.
        (LLAMA, (0, 12, 0), {"max_num_seqs": 256}, (51, 35, 512)),
        (LLAMA, (0, 6, 6), {"max_num_seqs": 256}, (35, 0, 256)),
        (LLAMA, (0, 2, 5), {"max_num_seqs": 256}, (0, 0, 0)),
        (OSS, (0, 12, 0), {"max_num_seqs": 1024, "max_num_batched_tokens": 8192}, (83, 83, 1024)),
        (OSS, (0, 12, 0), {"max_num_seqs": 1024, "max_num_batched_tokens": 512}, (51, 51, 512)),
    ],
)
def test_captured_sizes(model, version, case, expected):
    assert sizes(model, version, **case) == expected


@pytest.mark.parametrize(
    ("case", "measured"),
    [
        # A40 of July 2026: one rank, and four that reduce by NCCL inside the graphs.
        ({"model": "Qwen/Qwen2.5-7B-Instruct", "gpu": "A40"}, 0.56),
        ({"model": "Qwen/Qwen2.5-7B-Instruct", "gpu": "A40", "tensor_parallel": 4}, 1.09),
    ],
)
def test_graphs_are_as_measured(case, measured):
    result = fit_case(FitCase(**case, max_model_len=32768, engine_version="0.1.dev18496+gd4e0675a7"))
    assert result.cuda_graph_gib == pytest.approx(measured, abs=0.12)


@pytest.mark.parametrize(
    ("case", "measured"),
    [
        # Estimated in 0.20.2rc1 (yecohn/moe-bench, server logs): no card reaches another's memory.
        ({"tensor_parallel": 4, "max_num_seqs": 128}, 1.17),
        ({"tensor_parallel": 2, "max_num_seqs": 256}, 1.90),
        ({"tensor_parallel": 2, "data_parallel": 2, "max_num_seqs": 128}, 1.87),
    ],
)
def test_nccl_takes_as_much_for_every_pair_of_its_kernels_whatever_the_ranks(case, measured):
    card = {"gpu": "A100-PCIE-40GB", "engine_version": "0.20.2", "disable_custom_all_reduce": True}
    result = fit_case(FitCase(model="Qwen/Qwen3-30B-A3B", max_model_len=8192, **card, **case))
    assert result.cuda_graph_gib == pytest.approx(measured, rel=0.11)


def test_a_pair_that_reaches_each_other_sums_by_its_own_kernel():
    case = {"model": LLAMA, "gpu": "A40", "tensor_parallel": 2, "engine_version": "0.19.0", "max_model_len": 8192}
    own, nccl = fit_case(FitCase(**case)), fit_case(FitCase(**case, disable_custom_all_reduce=True))
    assert own.cuda_graph_gib == fit_case(FitCase(**{**case, "tensor_parallel": 1})).cuda_graph_gib
    # 0.39 MiB for each of 32 layers and 51 sizes in pieces.
    assert nccl.cuda_graph_gib - own.cuda_graph_gib == pytest.approx(0.39 * 32 * 51 / 1024, abs=0.001)


@pytest.mark.parametrize(("gpu", "ranks", "nccl"), [("L4", 2, True), ("A10G", 2, True), ("L40S-48GB", 2, False)])
def test_a_pair_that_does_not_reach_each_other_sums_by_nccl(gpu, ranks, nccl):
    # AWS g6 and g5: peer access is not supported (llm-d-incubation/llm-d-infra#181, NVIDIA/TensorRT-LLM#1034).
    case = {"model": LLAMA, "gpu": gpu, "engine_version": "0.23.0", "max_model_len": 8192, "max_num_seqs": 64}
    alone, pair = (fit_case(FitCase(**case, tensor_parallel=each)).cuda_graph_gib for each in (1, ranks))
    assert (pair > alone) is nccl


def test_drivers_before_cuda_124_take_more():
    case = {"model": LLAMA, "gpu": "A10G", "engine_version": "0.4.3", "max_model_len": 8192}
    new = fit_case(FitCase(**case, driver="550.54.15"))
    old = fit_case(FitCase(**case, driver="535.129.03"))
    assert old.cuda_graph_gib == pytest.approx(3.35 * new.cuda_graph_gib, rel=0.001)


@pytest.mark.parametrize(
    ("driver", "old"),
    [(None, False), ("", False), ("535.183.01", True), ("549", True), ("550.54.15", False), ("unknown", False)],
)
def test_which_drivers_are_old(driver, old):
    assert old_driver(driver) is old


def test_the_estimate_holds_a_batch_of_linear_attention_in_three_releases():
    case = {"model": "Qwen/Qwen3.6-27B", "gpu": "H200", "max_model_len": 32768}

    def graphs(version, tokens, ranks=1):
        asked = {**case, "max_num_batched_tokens": tokens, "tensor_parallel": ranks}
        return fit_case(FitCase(**asked, engine_version=version)).cuda_graph_gib

    def more(version, ranks=1):
        return graphs(version, 32768, ranks) - graphs(version, 16384, ranks)

    # 128 KiB for each token, as vllm-project/vllm#50780 measured it on one GPU; ranks share the heads.
    assert more("0.26.0") == pytest.approx(128 * 16384 / 2**20, rel=0.03)
    assert more("0.26.0", ranks=4) == pytest.approx(more("0.26.0") / 4, abs=0.001)
    assert more("0.25.1") == more("0.29.0") == 0


@pytest.mark.parametrize(("gpu", "measured"), [("H100", 0.51), ("RTX-5090", 0.50), ("RTX-PRO-6000", 0.56)])
def test_context_follows_the_multiprocessors(gpu, measured):
    assert cuda_context_gib(find_gpu(gpu)) == pytest.approx(measured, abs=0.1)


def test_layers_that_only_mix_or_only_feed_forward_are_half_of_one():
    # Printed on H200: 0.85 and 0.86 GiB (vLLM 0.18.0, 0.20.0).
    case = {"model": "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-FP8", "gpu": "H200-141GB", "engine_version": "0.20.0"}
    result = fit_case(FitCase.model_validate(case))
    assert result.cuda_graph_gib == pytest.approx(0.86, abs=0.15)


@pytest.mark.parametrize(
    ("model", "ranks", "measured"),
    [
        # llm-d-planner, accuracy/results of 0.19.0 on H100.
        (LLAMA, 1, 0.91),
        (LLAMA, 2, 0.76),
        (LLAMA, 4, 0.67),
        ("Qwen/Qwen2.5-7B-Instruct", 4, 0.64),
        ("Qwen/Qwen2.5-72B-Instruct", 2, 1.61),
    ],
)
def test_parts_of_split_requests_follow_the_heads_of_a_rank(model, ranks, measured):
    case = {"model": model, "gpu": "H100-80GB", "engine_version": "0.19.0", "max_model_len": 8192}
    assert fit_case(FitCase(**case, tensor_parallel=ranks)).cuda_graph_gib == pytest.approx(measured, abs=0.13)


@pytest.mark.parametrize(
    ("case", "outputs"),
    [
        ({"model": LLAMA}, 32 * 128),
        ({"model": LLAMA, "tensor_parallel": 4}, 8 * 128),
        ({"model": "deepseek-ai/DeepSeek-V3", "tensor_parallel": 8}, 16 * 512),
        # FlashMLA takes an FP8 cache, and no other kernel has an upper bound of parts.
        ({"model": "deepseek-ai/DeepSeek-V3", "tensor_parallel": 8, "kv_cache_dtype": "fp8"}, 0),
        ({"model": LLAMA, "attention_backend": "TRITON_ATTN"}, 0),
        ({"model": LLAMA, "gpu": "A100-80GB"}, 0),
        ({"model": LLAMA, "engine_version": "0.10.2"}, 0),
    ],
)
def test_flashattention_3_bounds_the_parts_inside_of_graphs(case, outputs):
    given = FitCase(**{"gpu": "H100-80GB", "engine_version": "0.19.0", **case})
    facts, profile, gpu = (
        load_model(given.model),
        vllm_profile(parse_version(given.engine_version)),
        find_gpu(given.gpu),
    )
    settings = resolve(facts, given, profile, gpu, 79.2)
    assert split_bytes(facts, profile, settings, gpu, 512) == 32 * 512 * outputs * 4


@pytest.mark.parametrize(
    ("model", "spread", "gone"),
    [
        # Total less initial free memory of 0.19 on H100, less 0.51 for the CUDA context: lldplanner rows.
        ("Qwen/Qwen2.5-7B-Instruct", {"tensor_parallel": 1}, 0.0),
        ("Qwen/Qwen2.5-7B-Instruct", {"tensor_parallel": 2}, 1.02),
        ("Qwen/Qwen2.5-7B-Instruct", {"tensor_parallel": 4}, 1.04),
        ("openai/gpt-oss-20b", {"tensor_parallel": 2}, 1.50),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", {"tensor_parallel": 4}, 1.56),
        (LLAMA, {"tensor_parallel": 1, "pipeline_parallel": 2}, 0.92),
        (LLAMA, {"tensor_parallel": 1, "pipeline_parallel": 4}, 0.97),
    ],
)
def test_communicators_of_every_group_come_before_the_first_look(model, spread, gone):
    case = FitCase(model=model, gpu="H100-80GB", engine_version="0.19.0", **spread)
    facts, profile, gpu = load_model(model), vllm_profile((0, 19, 0)), find_gpu("H100-80GB")
    found = nccl_before_baseline_gib(facts, resolve(facts, case, profile, gpu, 79.2), gpu, profile)
    assert found == pytest.approx(gone, abs=0.11)


def test_dense_models_have_the_group_of_experts_until_0_13():
    facts, gpu = load_model(LLAMA), find_gpu("H100-80GB")
    found = []
    for version in ((0, 10, 2), (0, 13, 0), (0, 14, 0)):
        profile = vllm_profile(version)
        settings = resolve(facts, FitCase(model=LLAMA, tensor_parallel=2), profile, gpu, 79.2)
        found.append(nccl_before_baseline_gib(facts, settings, gpu, profile))
    assert found == pytest.approx([0.0, 1.51, 1.02])


def test_nccl_takes_less_in_graphs_of_more_than_four_ranks():
    # github-text:38962983769: eight L40S, 94 layers and 67 sizes.
    eight = fit_case(
        FitCase(
            model="Qwen/Qwen3-235B-A22B-Instruct-2507-FP8",
            gpu="L40S",
            tensor_parallel=8,
            expert_parallel=True,
            engine_version="0.10.2",
            max_model_len=32768,
            max_num_batched_tokens=2048,
        )
    )
    assert eight.cuda_graph_gib == pytest.approx(3.45, abs=0.05)
    assert eight.fits
