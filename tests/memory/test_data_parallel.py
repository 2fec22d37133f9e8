"""Data-parallel ranks of a model with experts: the gather before the experts, and communicators."""

import pytest

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.budget.vllm import profiling_batch
from llminfra.planning.memory.peak.expert_kernels import Experts
from llminfra.planning.memory.peak.forward_peak import Batch, expert_workspace, forward_peak
from llminfra.planning.memory.releases.engine_profile import vllm_profile
from llminfra.planning.memory.releases.settings import resolve

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
