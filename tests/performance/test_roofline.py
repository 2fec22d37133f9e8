"""The estimate's arithmetic against hand calculations, and what must hold for any input."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llminfra.catalog.gpus import Gpu, find_gpu
from llminfra.catalog.models import ModelFacts, WeightFormat, WeightScheme, load_model, quantization_from_name
from llminfra.planning.memory.shapes import Shards
from llminfra.planning.performance import Load, PerformanceEstimate, estimate_performance, replica
from llminfra.planning.performance.factors import factors
from llminfra.planning.performance.interconnect import all_reduce_s, between_nodes, inside_node
from llminfra.planning.performance.kernels import kernel
from llminfra.planning.performance.rank_work import computed_in, rank_work
from llminfra.spec.endpoint import Parallelism

LLAMA_8B, LLAMA_70B = "meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.3-70B-Instruct"
SHAPES = st.tuples(st.integers(1, 4096), st.integers(1, 1024))


def model(name: str) -> ModelFacts:
    facts = load_model(name)
    assert facts is not None
    return facts


def gpu(name: str) -> Gpu:
    found = find_gpu(name)
    assert found is not None
    return found


def on(name: str, device: str, tensor: int = 1, quant: str | None = None, **options: object) -> PerformanceEstimate:
    scheme = quantization_from_name(quant) if quant else None
    return estimate_performance(model(name), gpu(device), Parallelism(tensor=tensor), quant=scheme, **options)  # type: ignore[arg-type]  # options by name


def test_matrix_operations_are_two_per_weight() -> None:
    work = rank_work(model(LLAMA_8B), None, Shards(), gpu("h100"), dtype="bfloat16", kv_bytes=2)
    # 8.03e9 parameters, of which the embedding and the head have 0.525e9 each.
    assert sum(item.operations for item in work.matrices) == pytest.approx(2 * (8.03e9 - 1.05e9), rel=0.01)
    assert work.head_operations == pytest.approx(2 * 128_256 * 4096)
    assert work.weight_bytes == pytest.approx(2 * (8.03e9 - 0.525e9), rel=0.01), "the embedding is looked up, not read"


def test_cache_read_of_grouped_attention() -> None:
    (kind,) = rank_work(model(LLAMA_70B), None, Shards(tp=4), gpu("h100"), dtype="bfloat16", kv_bytes=2).attention
    assert kind.layers * kind.cache_bytes == 80 * 2 * 2 * 128 * 2, "80 layers, 2 of 8 heads on a rank, keys and values"


def test_latent_attention_is_read_whole_on_every_rank() -> None:
    for tensor in (1, 8):
        work = rank_work(
            model("deepseek-ai/DeepSeek-R1-0528"), None, Shards(tp=tensor), gpu("h200"), dtype="bfloat16", kv_bytes=2
        )
        assert {kind.cache_bytes for kind in work.attention} == {(512 + 64) * 2}
        assert sum(kind.layers for kind in work.attention) == 61


def test_sliding_windows_are_read_up_to_the_window() -> None:
    work = rank_work(model("openai/gpt-oss-20b"), None, Shards(), gpu("h100"), dtype="bfloat16", kv_bytes=2)
    windows = [kind for kind in work.attention if kind.span]
    assert windows
    assert all(kind.seen(100_000) == kind.span == 128 for kind in windows)
    assert windows[0].prefill_pairs(128) == 128 * 129 / 2
    assert windows[0].prefill_pairs(1128) == 128 * 129 / 2 + 1000 * 128


def test_experts_are_read_as_far_as_tokens_touch_them() -> None:
    work = rank_work(model("Qwen/Qwen3-30B-A3B"), None, Shards(), gpu("h100"), dtype="bfloat16", kv_bytes=2)
    (experts,) = work.experts
    assert (experts.experts, experts.top_k) == (128, 8)
    assert experts.touched_bytes(1) == pytest.approx(experts.rank_bytes * 8 / 128)
    assert experts.touched_bytes(1000) == pytest.approx(experts.rank_bytes)
    active = 2 * (3.3e9 - 0.6e9)
    assert sum(item.operations for item in work.matrices) == pytest.approx(active, rel=0.1)


def test_one_request_is_bound_by_weights() -> None:
    found = on(LLAMA_70B, "h100", 2)
    read_s = 2 * 69.5e9 / 2 / 3.35e12 / kernel(gpu("h100"), "8bit", experts=False).bandwidth
    assert found.bound == "weights"
    assert read_s * 1e3 < found.tpot_ms < read_s * 1e3 * 1.4


@pytest.mark.parametrize(
    ("scheme", "device", "computed"),
    [
        (None, "h100", ("bf16", False)),
        (None, "t4", ("fp16", False)),
        (WeightScheme(format=WeightFormat.FP8, bits=8, group=-1), "h100", ("fp8", False)),
        (WeightScheme(format=WeightFormat.FP8, bits=8, group=-1), "a100-80gb", ("bf16", True)),
        (WeightScheme(format=WeightFormat.INT4, bits=4, group=128), "h100", ("bf16", True)),
        (WeightScheme(format=WeightFormat.INT8, bits=8, group=0), "a100-80gb", ("int8", False)),
        (WeightScheme(format=WeightFormat.INT8, bits=8, group=128), "a100-80gb", ("bf16", True)),
        (WeightScheme(format=WeightFormat.NVFP4, bits=4, group=16), "b200", ("fp4", False)),
        (WeightScheme(format=WeightFormat.NVFP4, bits=4, group=16), "h100", ("bf16", True)),
    ],
)
def test_what_weights_are_computed_in(scheme: WeightScheme | None, device: str, computed: tuple[str, bool]) -> None:
    assert computed_in(scheme, gpu(device)) == computed


def test_all_reduce_of_one_rank_costs_nothing() -> None:
    link = inside_node(gpu("h100"), factors())
    assert all_reduce_s(link, 1, 1e9) == 0
    assert all_reduce_s(link, 8, 1e9) > all_reduce_s(link, 2, 1e9) > 1e9 / 450e9


def test_wires_by_device() -> None:
    nvlink, pcie = inside_node(gpu("h100"), factors()), inside_node(gpu("l40s"), factors())
    efa = between_nodes(3200, 8, factors())
    assert (nvlink.name, pcie.name, efa.name) == ("NVLink", "PCIe", "EFA")
    assert nvlink.bytes_per_s > efa.bytes_per_s
    assert efa.bytes_per_s == pytest.approx(3200e9 / 8 / 8 * factors().efa_share)


def test_fp8_and_more_ranks_are_faster_and_eager_is_slower() -> None:
    plain = on(LLAMA_70B, "h100", 4)
    assert on(LLAMA_70B, "h100", 4, "fp8").tpot_ms < plain.tpot_ms
    assert on(LLAMA_70B, "h100", 8).tpot_ms < plain.tpot_ms
    assert on(LLAMA_70B, "h100", 4, eager=True).tpot_ms > plain.tpot_ms


def test_pipeline_stages_add_latency_and_not_memory_traffic() -> None:
    staged = estimate_performance(
        model(LLAMA_70B), gpu("h100"), Parallelism(tensor=4, pipeline=2), gpus_per_node=4, network_gbps=3200
    )
    single = on(LLAMA_70B, "h100", 4)
    assert staged.tpot_ms == pytest.approx(single.tpot_ms, rel=0.1), "one request reads all weights once either way"
    assert staged.tpot_ms > on(LLAMA_70B, "h100", 8).tpot_ms


def test_callers_beyond_the_cache_wait() -> None:
    asked = replica(model(LLAMA_8B), gpu("l4"), Parallelism(), quant=None, cache_tokens=11_520, max_num_seqs=256)
    load = Load(prompt_tokens=1024, output_tokens=256, concurrency=20)
    assert asked.most_running(load) == 10
    found = asked.estimate(load)
    assert (found.running, found.queued) == (10, 10)
    half = asked.estimate(Load(prompt_tokens=1024, output_tokens=256, concurrency=10))
    assert found.ttft_ms > half.ttft_ms + 1000
    assert found.output_tokens_per_s == pytest.approx(half.output_tokens_per_s)


def test_explanation_has_every_part() -> None:
    text = "\n".join(on("deepseek-ai/DeepSeek-R1-0528", "h200", 8, concurrency=8).explain)
    for word in ("prefill of 1,024 tokens", "decode step with 8 requests", "NVLink all-reduce over 8", "experts at"):
        assert word in text


@settings(deadline=None)
@given(shape=SHAPES, few=st.integers(1, 200), more=st.integers(0, 200))
def test_more_callers_never_make_anyone_faster(shape: tuple[int, int], few: int, more: int) -> None:
    asked = replica(model(LLAMA_8B), gpu("h100"), Parallelism(), quant=None, max_num_seqs=512)
    first = asked.estimate(Load(prompt_tokens=shape[0], output_tokens=shape[1], concurrency=few))
    second = asked.estimate(Load(prompt_tokens=shape[0], output_tokens=shape[1], concurrency=few + more))
    assert second.tpot_ms >= first.tpot_ms * 0.999
    assert second.output_tokens_per_s >= first.output_tokens_per_s * 0.95


@settings(deadline=None)
@given(prompt=st.integers(1, 100_000), longer=st.integers(0, 30_000))
def test_longer_prompts_take_longer(prompt: int, longer: int) -> None:
    asked = replica(model(LLAMA_8B), gpu("l40s"), Parallelism(), quant=None)
    first = asked.estimate(Load(prompt_tokens=prompt, output_tokens=1))
    second = asked.estimate(Load(prompt_tokens=prompt + longer, output_tokens=1))
    assert second.ttft_ms >= first.ttft_ms
    assert second.tpot_ms >= first.tpot_ms


@settings(deadline=None)
@given(
    name=st.sampled_from(
        [
            LLAMA_8B,
            "openai/gpt-oss-20b",
            "Qwen/Qwen3-Next-80B-A3B-Instruct",
            "deepseek-ai/DeepSeek-R1-0528",
            "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-FP8",
            "google/gemma-3-27b-it",
        ]
    ),
    device=st.sampled_from(["t4", "a10g", "l4", "l40s", "a100-40gb", "h100", "h200", "b200", "b300", "v100-16gb"]),
    tensor=st.sampled_from([1, 2, 4, 8]),
    expert=st.booleans(),
    callers=st.integers(1, 300),
)
def test_every_architecture_on_every_device_has_figures(
    name: str, device: str, tensor: int, expert: bool, callers: int
) -> None:
    found = estimate_performance(
        model(name), gpu(device), Parallelism(tensor=tensor, expert=expert), concurrency=callers
    )
    assert 0 < found.tpot_ms < 1e5
    assert 0 < found.ttft_ms < 1e7
    assert found.output_tokens_per_s > 0
    assert found.requests_per_s * 256 == pytest.approx(found.output_tokens_per_s)


def at(callers: int, **options: object) -> PerformanceEstimate:
    return on(LLAMA_70B, "h100", 8, concurrency=callers, max_num_seqs=512, **options)  # type: ignore[arg-type]  # options by name


def test_each_figure_has_a_line_that_adds_up_to_it() -> None:
    found = at(64)
    first, each = found.first_token_why, found.each_token_why
    for word in (
        "64 callers, 1,024 tokens in, 256 out",
        "behind prompts of others",
        "at the same moment",
        "fit a step",
    ):
        assert word in first
    assert f"first token {found.ttft_ms:,.0f} ms" in first
    parts = found.first_token
    assert sum((parts.request_s, parts.prefill_s, parts.behind_s, parts.step_s)) * 1e3 == pytest.approx(found.ttft_ms)
    assert f"each further token {found.tpot_ms:,.1f} ms" in each
    assert "prefill of others" in each


def test_a_target_is_out_of_reach_by_the_uncertainty_of_its_own_figure() -> None:
    found = at(8)
    assert found.ttft_spread > found.tpot_spread
    between = (found.ttft_spread + found.tpot_spread) / 2
    assert not found.out_of_reach(ttft_ms=found.ttft_ms / between)
    assert found.out_of_reach(tpot_ms=found.tpot_ms / between)
    assert found.out_of_reach(ttft_ms=found.ttft_ms / found.ttft_spread * 0.99)
    assert not found.out_of_reach()


def test_the_estimate_says_what_a_full_replica_does() -> None:
    found = at(1)
    assert found.full is not None
    assert found.full.load.concurrency == 512
    assert found.full.output_tokens_per_s == pytest.approx(at(512).output_tokens_per_s)


def test_a_cache_of_less_than_a_byte_an_element_is_read_as_such() -> None:
    """NVFP4: half a byte, and a scale of one byte for sixteen elements."""
    full, narrow = at(64, kv_bytes=2), at(64, kv_bytes=0.5625)
    assert narrow.tpot_ms < full.tpot_ms
    work = rank_work(model(LLAMA_70B), None, Shards(tp=8), gpu("b200"), dtype="bfloat16", kv_bytes=0.5625)
    assert work.attention[0].cache_bytes == 2 * 128 * 0.5625
