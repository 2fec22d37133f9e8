"""Data-parallel ranks of a model with experts: the gather before the experts, and communicators."""

import pytest

from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.budget.vllm import profiling_batch
from llminfra.planning.memory.peak.expert_kernels import ExpertKernel, Experts, Routed, gathered_bytes
from llminfra.planning.memory.peak.forward_peak import Batch, expert_workspace, forward_peak
from llminfra.planning.memory.releases.engine_profile import parse_version, vllm_profile
from llminfra.planning.memory.releases.settings import resolve

FP8 = "Qwen/Qwen3-30B-A3B-Instruct-2507-FP8"
CODER = "Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8"


def batch(**changes):
    return Batch(**({"tokens": 8192, "sequences": 256, "length": 2048} | changes))


def started(**changes):
    given = {"model": CODER, "engine_version": "0.10.1", "gpu": "H20-141GB", "gpu_memory_utilization": 0.9,
             "data_parallel": 8, "tensor_parallel": 1, "expert_parallel": True}  # fmt: skip
    return fit_case(FitCase.model_validate(given | changes))


@pytest.mark.parametrize(
    ("version", "rows"), [((0, 8, 4), 32768), ((0, 11, 2), 32768), ((0, 13, 0), 16384), ((0, 18, 1), 65536)]
)
def test_experts_take_as_many_tokens_at_once_as_the_release_says(version, rows):
    taken = batch(dp=8, expert_rows=vllm_profile(version).expert_rows)
    assert taken.gathered == 65536
    assert taken.pass_tokens == rows


def test_experts_see_the_tokens_of_all_ranks():
    facts, profile = load_model(CODER), vllm_profile((0, 18, 1))
    alone, eight = (forward_peak(facts, batch(ep=8, dp=ranks, expert_rows=0), profile) for ranks in (1, 8))
    moe, hidden = facts.layers[0].moe, facts.hidden_size
    work = 8 * (max(2 * moe.intermediate, hidden) + moe.intermediate) * 2
    scores = moe.experts * 4
    gathered = 65536 * (work + 2 * hidden * 2 + scores) - 8192 * (work + hidden * 2 + scores)
    assert eight - alone == pytest.approx(gathered)


def test_buffers_that_stay_hold_all_tokens_too():
    facts = load_model(CODER)
    layer = facts.layers[0]
    alone, eight = (
        expert_workspace(layer, facts, batch(dp=ranks, expert_rows=0, experts=Experts(managed=True)))
        for ranks in (1, 8)
    )
    assert eight == 8 * alone > 0


def test_replicas_of_a_dense_model_gather_nothing():
    dense = {"model": "Qwen/Qwen3-8B", "expert_parallel": None, "max_num_seqs": 8}
    one, eight = (started(**dense, data_parallel=ranks) for ranks in (1, 8))
    assert eight.activation_peak_gib == one.activation_peak_gib
    assert eight.non_torch_gib == one.non_torch_gib


def test_ranks_that_share_experts_have_communicators():
    eight, one = started(max_num_seqs=8), started(data_parallel=1, gpus_total=1, expert_parallel=None, max_num_seqs=8)
    assert eight.non_torch_gib - one.non_torch_gib == pytest.approx(vllm_profile((0, 10, 1)).nccl_many_gib, abs=0.06)


@pytest.mark.parametrize(("share", "measured"), [(0.9, 48.66), (0.95, 55.65)])
def test_two_measured_starts_on_eight_h20(share, measured):
    # vllm-project/recipes#12: planned without the gather and NCCL, three GiB more were left.
    assert started(gpu_memory_utilization=share).kv_cache_memory_gib == pytest.approx(measured, rel=0.025)


@pytest.mark.parametrize(("method", "rows"), [("awq", 0), ("gptq", 0), ("fp8", 32768), (None, 32768)])
def test_marlin_takes_all_tokens_at_once(method, rows):
    facts, profile = load_model("Qwen/Qwen3-30B-A3B"), vllm_profile((0, 11, 0))
    settings = resolve(facts, FitCase(model=facts.model_id, quantization=method), profile, None, 80.0)
    assert profiling_batch(facts, settings, profile, None).expert_rows == rows


@pytest.mark.parametrize("gpu", ["L4", "H200-141GB"])
def test_the_gather_is_captured_whatever_joins_the_gpus(gpu):
    """Experts of copies talk by NCCL inside the graphs; a model without experts, and a single copy, do not."""
    given = {"engine_version": "0.29.0", "gpu": gpu, "tensor_parallel": 1, "max_model_len": 8192}
    experts, dense = "Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "Qwen/Qwen3-0.6B"

    def graphs(model, copies):
        return fit_case(FitCase(model=model, data_parallel=copies, **given)).cuda_graph_gib

    alone, two, four, eight = (graphs(experts, copies) for copies in (1, 2, 4, 8))
    assert alone < two
    assert eight == four == two, "NCCL takes as much with two ranks as with eight"
    assert graphs(dense, 1) == graphs(dense, 4)


# 24,576 tokens of three ranks, 2,048 values to 8 of 128 experts, of which a rank has 43.
L4_ROUTED = Routed(tokens=24576, top_k=8, experts=43, hidden=2048, width=768, gated=True, element=2)


@pytest.mark.parametrize(
    ("how", "each", "own"),
    [
        # Hidden states in 16 bit and the scores of all experts.
        (Experts(managed=True), 2048 * 2 + 128 * 4, 0),
        # Weight and number of each pick; the inputs are among those that the kernel reads.
        (Experts(managed=True, input_bytes=1.0, block_scales=True, sends_quantized=True), 8 * 8, 128 * 4),
        (
            Experts(kernel=ExpertKernel.FLASHINFER_CUTLASS, managed=True, input_bytes=0.5, sends_quantized=True),
            2048 * 0.5 + 8 * 8,
            128 * 4,
        ),
        # It picks experts itself, so it is sent the scores.
        (
            Experts(kernel=ExpertKernel.FLASHINFER_TRTLLM, managed=True, input_bytes=0.5, sends_quantized=True),
            2048 * 0.5 + 128 * 4,
            0,
        ),
    ],
)
def test_ranks_send_each_other_what_the_kernel_asks_for(how, each, own):
    assert gathered_bytes(L4_ROUTED, how, own=8192, all_experts=128) == 24576 * each + 8192 * own


@pytest.mark.parametrize(
    ("version", "gpu", "sent"),
    [("0.15.1", "L4", False), ("0.16.0", "L4", True), ("0.29.0", "L4", True), ("0.29.0", "A10G", False)],
)
def test_inputs_are_quantized_before_they_are_sent_since_0_16(version, gpu, sent):
    # Marlin, which an A10G takes, multiplies 16-bit inputs.
    facts, profile = load_model(FP8), vllm_profile(parse_version(version))
    settings = resolve(facts, FitCase(model=FP8, data_parallel=2), profile, find_gpu(gpu), 22.0)
    assert profiling_batch(facts, settings, profile, find_gpu(gpu)).experts.sends_quantized is sent


def test_flashinfer_quantizes_blocks_itself_and_is_sent_16_bit():
    facts, profile, gpu = load_model(FP8), vllm_profile((0, 29, 0)), find_gpu("H200-141GB")
    settings = resolve(facts, FitCase(model=FP8, data_parallel=2, expert_parallel=True), profile, gpu, 140.0)
    experts = profiling_batch(facts, settings, profile, gpu).experts
    assert experts.kernel is ExpertKernel.FLASHINFER_CUTLASS
    assert not experts.sends_quantized


@pytest.mark.parametrize(
    ("case", "tokens"),
    [
        ({"data_parallel": 3, "gpu_memory_utilization": 0.88, "max_num_batched_tokens": 8192}, 43456),
        ({"data_parallel": 4, "gpu_memory_utilization": 0.88, "max_num_batched_tokens": 8192,
          "max_num_seqs": 768}, 65136),
        ({"data_parallel": 2, "tensor_parallel": 2, "gpu_memory_utilization": 0.88,
          "max_num_batched_tokens": 8192}, 157696),
        ({"data_parallel": 3, "gpu_memory_utilization": 0.871, "max_num_batched_tokens": 485, "max_num_seqs": 467,
          "block_size": 32, "enforce_eager": True, "expert_parallel": None}, 81344),
        ({"data_parallel": 3, "gpu_memory_utilization": 0.877, "max_num_batched_tokens": 559, "max_num_seqs": 488,
          "block_size": 48, "enforce_eager": True, "expert_parallel": None, "kv_cache_dtype": "fp8"}, 164832),
    ],
)  # fmt: skip
def test_measured_starts_on_l4(case, tokens):
    # akamaslabs/vllm-benchmark, studies 15 and 16: g6.12xlarge, vLLM 0.29.0, Triton's attention.
    given = {"model": FP8, "engine_version": "0.29.0", "gpu": "L4", "total_gpu_gib": 22.03, "max_model_len": 8192,
             "max_num_seqs": 256, "tensor_parallel": 1, "expert_parallel": True,
             "attention_backend": "TRITON_ATTN"}  # fmt: skip
    result = fit_case(FitCase.model_validate(given | case))
    assert result.kv_cache_tokens == pytest.approx(tokens, rel=0.08)
