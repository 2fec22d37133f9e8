"""What the planner chooses for an endpoint, and how it says so."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from llminfra import (
    VLLM,
    Diagnostic,
    Endpoint,
    GpuPool,
    Model,
    ModelBucket,
    Parallelism,
    Platform,
    Secret,
    SGLang,
    Slo,
    SpecError,
)
from llminfra.planning import plan_platform
from llminfra.planning.plan.endpoint import EndpointPlan

DAY = dt.date(2026, 11, 23)
L40S = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(0, 8))
P5 = GpuPool(name="h100", instance_types=["p5.48xlarge"], nodes=(0, 4))
P5EN = GpuPool(name="h200", instance_types=["p5en.48xlarge"], nodes=(0, 4))
LLAMA = Model(id="meta-llama/Llama-3.3-70B-Instruct", quantization="fp8", token=Secret(name="hf"))
SHORT = VLLM(max_model_len=8192)
# Each rank of sixteen holds what the experts make of the tokens of all.
SMALL_BATCH = VLLM(max_model_len=8192, max_num_batched_tokens=1024)


def platform(pool: GpuPool, **fields: object) -> Platform:
    given = {"name": "a", "model": LLAMA, "engine": SHORT, "on": pool, **fields}
    return Platform(
        name="p",
        region="us-east-1",
        pools=[pool],
        storage=[ModelBucket(name="acme-weights")],
        endpoints=[Endpoint(**given)],  # type: ignore[arg-type]  # fields by name
    )


def planned(pool: GpuPool, **fields: object) -> EndpointPlan:
    (endpoint,) = plan_platform(platform(pool, **fields), today=DAY).endpoints
    return endpoint


def findings(pool: GpuPool, **fields: object) -> dict[str, Diagnostic]:
    try:
        found = plan_platform(platform(pool, **fields), today=DAY).diagnostics
    except SpecError as error:
        found = error.diagnostics
    return {item.code: item for item in found}


def test_without_targets_the_fewest_gpus() -> None:
    endpoint = planned(P5)
    assert endpoint.parallelism == Parallelism(tensor=2)
    assert endpoint.performance is not None
    assert endpoint.performance.tpot_ms > 10
    assert endpoint.usd_per_million_tokens is not None
    assert 0.5 < endpoint.usd_per_million_tokens < 10
    assert any("per million output tokens" in line for line in endpoint.candidates)


def test_targets_take_more_gpus() -> None:
    endpoint = planned(P5, slo=Slo(time_per_output_token_ms=12))
    assert endpoint.parallelism.tensor > 2
    assert endpoint.performance is not None
    assert endpoint.performance.tpot_ms <= 12
    assert "keep the latency targets" in endpoint.parallelism_why
    assert endpoint.candidates[0].startswith("not TP 2"), "the cheaper one that is too slow"
    assert endpoint.candidates[0].endswith("slower than the latency targets")


def test_first_token_target_of_long_prompts() -> None:
    slow = planned(P5, slo=Slo(time_to_first_token_ms=5000, prompt_tokens=7000))
    quick = planned(P5, slo=Slo(time_to_first_token_ms=500, prompt_tokens=7000))
    assert quick.parallelism.tensor > slow.parallelism.tensor


def test_more_callers_need_more_gpus_for_the_same_target() -> None:
    slo = Slo(time_per_output_token_ms=25)
    assert planned(P5, slo=slo, concurrency=48).parallelism.tensor > planned(P5, slo=slo).parallelism.tensor


def test_a_target_out_of_reach_names_the_nearest() -> None:
    item = findings(P5, slo=Slo(time_per_output_token_ms=1))["LLM_FIT_20"]
    assert item.severity.value == "error"
    assert item.path == "endpoints.a.slo"
    assert "the nearest is TP 8" in item.message
    assert "time_per_output_token_ms at most 1" in item.expected
    assert "bound by" in item.found


def test_a_target_within_the_uncertainty_is_a_warning() -> None:
    fastest = planned(P5, parallelism=Parallelism(tensor=8)).performance
    assert fastest is not None
    item = findings(P5, slo=Slo(time_per_output_token_ms=fastest.tpot_ms / 1.2))["LLM_FIT_21"]
    assert item.severity.value == "warning"


def test_a_declared_spread_that_is_too_slow_is_told_of_a_faster_one() -> None:
    found = findings(P5, parallelism=Parallelism(tensor=2), slo=Slo(time_per_output_token_ms=9))
    (item,) = (found[code] for code in ("LLM_FIT_20", "LLM_FIT_21") if code in found)
    assert "TP 2 does not keep" in item.message
    assert "use TP" in item.fix


def test_copies_of_attention_for_many_requests_of_a_latent_model() -> None:
    """Eight copies of the attention hold eight times the requests; tensor parallelism holds no more than one GPU."""
    model = Model(id="deepseek-ai/DeepSeek-R1-0528")
    few = planned(P5EN, model=model)
    assert (few.parallelism.tensor, few.parallelism.data) == (8, 1), "the plainest of equal price"
    many = planned(P5EN, model=model, concurrency=130)
    assert many.parallelism == Parallelism(tensor=1, data=8, expert=True)
    assert any(argument == "--data-parallel-size=8" for argument in many.invocation.args)


def test_other_engines_get_no_copies() -> None:
    model = Model(id="deepseek-ai/DeepSeek-R1-0528")
    assert "LLM_FIT_12" in findings(P5EN, model=model, engine=SGLang(max_model_len=8192), concurrency=2000)


def test_experts_are_spread_where_cutting_them_does_not_divide() -> None:
    pool = GpuPool(name="a100", instance_types=["p4d.24xlarge"], nodes=(0, 2))
    endpoint = planned(pool, model=Model(id="Qwen/Qwen3-235B-A22B-FP8"))
    assert (endpoint.parallelism.tensor, endpoint.parallelism.expert) == (8, True)


def test_stages_inside_a_node_where_heads_do_not_divide() -> None:
    """28 heads on eight T4: four ranks hold too few requests, eight do not divide, stages of fewer ranks do."""
    pool = GpuPool(name="t4", instance_types=["g4dn.metal"], nodes=(0, 2))
    model = Model(id="Qwen/Qwen2.5-7B-Instruct", dtype="float16")
    endpoint = planned(pool, model=model, engine=VLLM(max_model_len=32_768), concurrency=24)
    assert endpoint.parallelism.pipeline > 1
    assert endpoint.nodes == 1
    assert (endpoint.fit.max_concurrency or 0) >= 24


@pytest.mark.parametrize("device", [L40S, P5])
def test_every_endpoint_has_figures_of_price_and_speed(device: GpuPool) -> None:
    endpoint = planned(device)
    assert endpoint.performance is not None
    assert endpoint.performance.explain
    assert endpoint.performance.assumptions
    assert endpoint.usd_per_million_tokens is not None


WIDE = GpuPool(name="wide", instance_types=["p5.48xlarge"], nodes=(0, 8), efa=True, zones=["us-east-1a"])
WIDE_H200 = GpuPool(name="wide", instance_types=["p5en.48xlarge"], nodes=(0, 8), efa=True, zones=["us-east-1a"])
DEEPSEEK = Model(id="deepseek-ai/DeepSeek-V3.1")


@pytest.mark.parametrize(
    ("pool", "concurrency", "slo", "dearer"),
    [
        (WIDE, 128, Slo(time_to_first_token_ms=200, prompt_tokens=4096), "TP 8 × PP 6"),
        (WIDE_H200, 64, Slo(time_per_output_token_ms=32), "TP 1 × DP 16, experts spread"),
    ],
)
def test_twice_the_price_is_not_paid_for_what_the_estimate_cannot_tell(
    pool: GpuPool, concurrency: int, slo: Slo, dearer: str
) -> None:
    endpoint = planned(pool, model=DEEPSEEK, concurrency=concurrency, slo=slo)
    assert endpoint.performance is not None
    assert endpoint.usd_per_replica_hour is not None
    assert endpoint.usd_per_replica_hour < 170
    assert endpoint.candidates[0].startswith(dearer)
    assert re.search(r"for 2(\.\d+)? times the price", endpoint.parallelism_why)
    assert endpoint.parallelism_why.count("ms to the first token") == 2, "both latencies"
    assert "chance of" in endpoint.parallelism_why
    item = findings(pool, model=DEEPSEEK, concurrency=concurrency, slo=slo)["LLM_FIT_21"]
    assert item.severity.value == "warning"
    assert f"use {dearer}" in item.fix
    assert "Parallelism(" in item.fix


def test_twice_the_price_is_paid_where_it_makes_the_targets_likely() -> None:
    endpoint = planned(P5, slo=Slo(time_per_output_token_ms=12))
    assert endpoint.parallelism == Parallelism(tensor=4)
    assert "at 1/2 of the price" in endpoint.parallelism_why
    assert "TP 2 would have" in endpoint.parallelism_why


def test_candidates_that_lost_for_latency_show_it() -> None:
    for line in planned(P5, slo=Slo(time_per_output_token_ms=12)).candidates:
        assert "ms to the first token" in line
        assert "ms a token" in line


@pytest.mark.parametrize(
    ("instance", "model", "length"),
    [
        ("g5.12xlarge", "tiiuae/falcon-7b", 2048),
        ("g6.12xlarge", "google/gemma-3-27b-it", 8192),
        ("g6e.12xlarge", "Qwen/Qwen3-30B-A3B", 8192),
        ("p5.48xlarge", "Qwen/Qwen3-235B-A22B-FP8", 8192),
    ],
)
def test_two_others_are_told_and_no_twin_of_the_chosen(instance: str, model: str, length: int) -> None:
    pool = GpuPool(name="pool", instance_types=[instance], nodes=(0, 2))
    endpoint = planned(pool, model=Model(id=model), engine=VLLM(max_model_len=length))
    assert len(endpoint.candidates) == 2
    shapes = [line.removeprefix("not ").partition(":")[0] for line in endpoint.candidates]
    assert len(set(shapes)) == 2
    figures = [line.partition(":")[2] for line in endpoint.candidates]
    assert len(set(figures)) == 2
    # On Hopper FP8 experts that are dealt out have another kernel, whose buffers do not stay: no twin.
    twin = f"TP {endpoint.parallelism.tensor}, experts spread" in shapes
    assert twin == (model == "Qwen/Qwen3-235B-A22B-FP8")


def test_the_plainer_of_equal_price_wins_with_a_word_on_the_price_of_tokens() -> None:
    endpoint = planned(WIDE, model=DEEPSEEK, engine=SMALL_BATCH)
    assert endpoint.parallelism == Parallelism(tensor=8, pipeline=2)
    assert "TP 1 × DP 16, experts spread has tokens for $" in endpoint.parallelism_why
    assert "slower for 1 caller (" in endpoint.parallelism_why
    assert endpoint.candidates[0].startswith("TP 1 × DP 16")


def test_of_equal_price_the_cheaper_tokens_win_where_both_keep_the_targets() -> None:
    endpoint = planned(WIDE, model=DEEPSEEK, engine=SMALL_BATCH, slo=Slo(time_per_output_token_ms=60))
    assert endpoint.parallelism == Parallelism(tensor=1, data=16, expert=True)
    assert "would be plainer" in endpoint.parallelism_why
    assert endpoint.candidates[0].startswith("TP 8 × PP 2")


def test_stages_inside_a_node_are_judged_by_the_targets() -> None:
    """28 heads on eight A100: eight ranks do not divide, and two stages of four are quicker than four ranks."""
    pool = GpuPool(name="a100", instance_types=["p4d.24xlarge"], nodes=(0, 2))
    model = Model(id="Qwen/Qwen2.5-7B-Instruct")
    endpoint = planned(pool, model=model, concurrency=64, slo=Slo(time_per_output_token_ms=9.5))
    assert endpoint.parallelism == Parallelism(tensor=4, pipeline=2)
    assert "keep the latency targets" in endpoint.parallelism_why


def test_a_target_out_of_reach_names_a_type_that_reaches_it() -> None:
    pool = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 2))
    slo = Slo(time_per_output_token_ms=20)
    item = findings(pool, model=Model(id="Qwen/Qwen3-8B"), slo=slo)["LLM_FIT_20"]
    name = item.fix.removeprefix("use ").partition(",")[0]
    better = GpuPool(name="better", instance_types=[name], nodes=(0, 2))
    found = planned(better, model=Model(id="Qwen/Qwen3-8B"), slo=slo).performance
    assert found is not None
    assert found.tpot_ms <= 20


def test_a_spread_that_lacks_memory_beside_its_budget_is_told_with_the_share_that_holds_it() -> None:
    pool = GpuPool(name="l4", instance_types=["g6.12xlarge"], nodes=(0, 4))
    model = Model(id="Qwen/Qwen3-32B")
    endpoint = planned(pool, model=model, engine=VLLM(max_model_len=16384))
    told = next(item for item in endpoint.candidates if item.startswith("not TP 4: graphs"))
    found = re.search(r"; lower gpu_memory_utilization to (0\.\d+) and it holds (\d+\.\d) requests", told)
    assert found is not None, told
    lower = VLLM(max_model_len=16384, gpu_memory_utilization=float(found[1]))
    changed = planned(pool, model=model, engine=lower, parallelism=Parallelism(tensor=4))
    assert changed.fit.max_concurrency == pytest.approx(float(found[2]), abs=0.05)
    assert not changed.fit.tight
    assert not any("gpu_memory_utilization" in item for item in changed.candidates)
