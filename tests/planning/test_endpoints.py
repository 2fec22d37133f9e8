import datetime as dt
from typing import Literal

import pytest

from llminfra import (
    VLLM,
    Autoscaling,
    CapacityBlock,
    Cluster,
    Diagnostic,
    Endpoint,
    GpuPool,
    Image,
    Model,
    ModelBucket,
    Parallelism,
    Platform,
    Secret,
    SpecError,
)
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan
from llminfra.rules.plans.replicas import rollout_has_room
from llminfra.rules.run import run_plan

DAY = dt.date(2026, 11, 23)
L40S = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(0, 8))
H100 = GpuPool(
    name="h100",
    instance_types=["p5.48xlarge"],
    nodes=(0, 2),
    efa=True,
    capacity=CapacityBlock(reservation_id="cr-0123456789abcdef0"),
    zones=["us-east-1b"],
)
QWEN = Model(id="Qwen/Qwen3-32B")


def platform(*endpoints: Endpoint, pools: tuple[GpuPool, ...] = (L40S, H100), bucket: bool = True) -> Platform:
    storage = [ModelBucket(name="acme-weights")] if bucket else []
    return Platform(name="p", region="us-east-1", pools=pools, storage=storage, endpoints=endpoints)


def planned(*endpoints: Endpoint, **options: object) -> Plan:
    return plan_platform(platform(*endpoints, **options), today=DAY)


def refused(*endpoints: Endpoint, **options: object) -> list[Diagnostic]:
    with pytest.raises(SpecError) as caught:
        planned(*endpoints, **options)
    return list(caught.value.diagnostics)


def test_tensor_parallelism_is_the_smallest_that_fits() -> None:
    plan = planned(Endpoint(name="a", model=QWEN, engine=VLLM(max_model_len=16_384), on=L40S))
    (endpoint,) = plan.endpoints
    assert endpoint.parallelism.tensor == 2, "61 GiB of bf16 weights need two GPUs of 44 GiB"
    assert endpoint.replicas_per_node == 2
    assert endpoint.fit.fits is True
    assert endpoint.fit.kv_cache_tokens is not None
    assert endpoint.fit.kv_cache_tokens >= 16_384
    assert any(line.startswith("not TP 1: ") for line in endpoint.candidates)


def test_concurrency_asks_for_more_gpus() -> None:
    plan = planned(
        Endpoint(name="a", model=QWEN, engine=VLLM(max_model_len=16_384), on=L40S, concurrency=16),
    )
    assert plan.endpoints[0].parallelism.tensor == 4


def test_model_that_does_not_fit_quotes_the_engine() -> None:
    small = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 1))
    (finding,) = refused(Endpoint(name="a", model=QWEN, engine=VLLM(), on=small), pools=(small,))
    assert finding.code == "LLM_FIT_1"
    assert finding.path == "endpoints.a"
    assert finding.runtime_message


def test_context_too_long_for_the_cache_names_a_length_that_works() -> None:
    one = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 1))
    model = Model(id="Qwen/Qwen3-8B")
    (finding,) = refused(Endpoint(name="a", model=model, engine=VLLM(max_model_len=40_000), on=one), pools=(one,))
    assert finding.code == "LLM_FIT_9"
    assert "max_model_len" in finding.fix
    length = int(finding.fix.split("at most ")[1].split(", which")[0].replace(",", ""))
    fixed = planned(Endpoint(name="a", model=model, engine=VLLM(max_model_len=length), on=one), pools=(one,))
    assert fixed.endpoints[0].fit.fits is True


def test_heads_not_divisible_by_declared_tensor_parallelism() -> None:
    endpoint = Endpoint(name="a", model=QWEN, engine=VLLM(), on=H100, parallelism=Parallelism(tensor=7))
    found = refused(endpoint)
    assert found[0].code == "LLM_SHAPE_1"
    assert "must be divisible by tensor parallel size" in (found[0].runtime_message or "")


def test_unknown_model_names_three_ways_out() -> None:
    (finding,) = refused(Endpoint(name="a", model=Model(id="Qwen/Qwen3-32"), engine=VLLM(), on=L40S))
    assert finding.code == "LLM_FIT_3"
    assert "Qwen/Qwen3-32B" in finding.expected
    assert "config" in finding.fix
    assert "Hub" in finding.fix


def test_context_beyond_the_model() -> None:
    (finding,) = refused(Endpoint(name="a", model=QWEN, engine=VLLM(max_model_len=400_000), on=H100))
    assert finding.code == "LLM_FIT_4"


def test_unknown_version_flag_and_variable() -> None:
    (version,) = refused(Endpoint(name="a", model=QWEN, engine=VLLM(version="9.9.9"), on=H100))
    assert version.code == "LLM_FIT_8"
    assert version.fix.split(",")[0].removeprefix("use ") in version.expected
    options = refused(
        Endpoint(
            name="a",
            model=QWEN,
            engine=VLLM(extra_args=["--swap-space=4", "--max-lora=2"], env={"VLLM_USE_V1": "1"}, max_model_len=8192),
            on=H100,
        )
    )
    assert [item.code for item in options] == ["LLM_FIT_7"] * 3
    assert "removed" in options[0].message


@pytest.mark.parametrize(
    ("argument", "message", "fix"),
    [
        ("--num-scheduler-steps=4", "removed in 0.10.1", "remove it, or pin a version before 0.10.1"),
        ("--shutdown-timeout=30", "came with 0.18.0", "pin 0.18.0 or newer, or remove it"),
        ("--max-model-length=8", "does not know the flag --max-model-length", "did you mean --max-model-len?"),
        ("--zzzz", "does not know the flag --zzzz", "remove it"),
        (
            "--seed 7",
            "does not know the flag --seed 7",
            "write two entries, '--seed' and '7', or one, '--seed=7'",
        ),
    ],
)
def test_an_option_of_another_release_says_which(argument: str, message: str, fix: str) -> None:
    engine = VLLM(version="0.12.0", max_model_len=8192, extra_args=[argument])
    found = [
        item for item in refused(Endpoint(name="a", model=QWEN, engine=engine, on=L40S)) if item.code == "LLM_FIT_7"
    ]
    assert [item.message.endswith(message) for item in found] == [True]
    assert [item.fix for item in found] == [fix]


def test_more_replicas_than_the_pool_can_hold() -> None:
    engine = VLLM(max_model_len=8192)
    (finding,) = refused(Endpoint(name="a", model=QWEN, engine=engine, on=L40S, replicas=17))
    assert finding.code == "LLM_FIT_6"
    plan = planned(Endpoint(name="a", model=QWEN, engine=engine, on=L40S, replicas=Autoscaling(min=1, max=20)))
    assert [item.code for item in plan.diagnostics] == ["LLM_FIT_10"]


@pytest.mark.parametrize(
    ("nodes", "autoscaler", "codes", "rollout"),
    [
        ((0, 4), "karpenter", ["LLM_CAP_47"], "recreate-one"),
        ((2, 4), "karpenter", [], "recreate-one"),
        ((3, 4), "karpenter", [], "surge"),
        ((0, 4), "cluster-autoscaler", [], "surge"),
    ],
)
def test_nobody_adds_nodes_to_a_managed_group_beside_karpenter(
    nodes: tuple[int, int], autoscaler: Literal["karpenter", "cluster-autoscaler"], codes: list[str], rollout: str
) -> None:
    """Its nodes at rest are all there are: for the autoscaler's replicas, and for one more while a rollout goes on."""
    pool = GpuPool(name="efa", instance_types=["p5.48xlarge"], nodes=nodes, efa=True, zones=["us-east-1b"])
    endpoint = Endpoint(
        name="a",
        model=QWEN,
        engine=VLLM(max_model_len=8192),
        on=pool,
        parallelism=Parallelism(tensor=8),
        replicas=Autoscaling(min=1, max=2),
    )
    spec = platform(endpoint, pools=(pool,)).model_copy(update={"cluster": Cluster(autoscaler=autoscaler)})
    plan = plan_platform(spec, today=DAY)
    about_nodes = [item for item in plan.diagnostics if item.code.startswith("LLM_CAP")]
    assert [item.code for item in about_nodes] == codes
    assert all("nodes=(2, 4)" in item.fix for item in about_nodes)
    assert [item.rollout for item in plan.endpoints] == [rollout]


def test_every_emitted_flag_is_known_to_the_pinned_version() -> None:
    from llminfra.catalog.engines import engine_release

    model = Model(id="Qwen/Qwen3-32B", quantization="fp8")
    engine = VLLM(max_model_len=8192, kv_cache_dtype="fp8", prefix_caching=False, max_num_batched_tokens=4096)
    (endpoint,) = planned(Endpoint(name="a", model=model, engine=engine, on=H100)).endpoints
    release = engine_release("vllm", endpoint.engine_version)
    assert release is not None
    flags = [item for item in endpoint.invocation.args if item.startswith("--")]
    assert flags
    assert [flag for flag in flags if not release.knows_flag(flag)] == []
    variables = [name for name in endpoint.invocation.env if name.startswith("VLLM_")]
    assert [name for name in variables if not release.knows_env(name)] == []


def test_replica_over_two_nodes_gets_an_image_with_efa() -> None:
    model = Model(id="meta-llama/Llama-3.1-405B-Instruct")
    (endpoint,) = planned(Endpoint(name="a", model=model, engine=VLLM(max_model_len=8192), on=H100)).endpoints
    assert endpoint.nodes == 2
    assert (endpoint.parallelism.tensor, endpoint.parallelism.pipeline) == (8, 2)
    assert endpoint.resources.efa == 32
    assert "deep-learning-containers" in endpoint.invocation.image_repository
    assert "--headless" in endpoint.invocation.worker_args
    assert endpoint.invocation.added_capabilities == ("IPC_LOCK",)


def test_version_without_efa_image_is_refused_across_nodes() -> None:
    model = Model(id="meta-llama/Llama-3.1-405B-Instruct")
    engine = VLLM(max_model_len=8192, version="0.33.0")
    (finding,) = refused(Endpoint(name="a", model=model, engine=engine, on=H100))
    assert finding.code == "LLM_FIT_14"
    own = VLLM(max_model_len=8192, version="0.33.0", image=Image(repository="acme/vllm-efa", tag="v0.33.0", efa=True))
    assert planned(Endpoint(name="a", model=model, engine=own, on=H100)).endpoints[0].nodes == 2


def test_secrets_reach_the_pod_by_reference_only_where_needed() -> None:
    model = Model(id="Qwen/Qwen3-32B", token=Secret(name="acme/hf", key="token"))
    endpoint = Endpoint(
        name="a", model=model, engine=VLLM(max_model_len=8192), on=H100, api_key=Secret(name="acme/key")
    )
    (streamed,) = planned(endpoint).endpoints
    assert [item.name for item in streamed.invocation.secret_env] == ["VLLM_API_KEY"]
    (from_hub,) = planned(endpoint, bucket=False).endpoints
    assert [item.name for item in from_hub.invocation.secret_env] == ["HF_TOKEN", "VLLM_API_KEY"]
    assert from_hub.weights.kind == "hub"


def test_probe_budget_covers_the_estimate_twice_over() -> None:
    (endpoint,) = planned(Endpoint(name="a", model=QWEN, engine=VLLM(max_model_len=8192), on=L40S)).endpoints
    in_pod = sum(phase.seconds for phase in endpoint.startup.phases if phase.name not in {"node", "image"})
    assert endpoint.startup.budget_s >= 2 * in_pod or endpoint.startup.budget_s >= 600
    startup = endpoint.invocation.startup
    assert startup.period_s * startup.failure_threshold >= endpoint.startup.budget_s
    assert endpoint.drain.grace_s > endpoint.drain.pre_stop_s + endpoint.drain.engine_s


def test_rollout_waits_where_no_gpu_is_spare() -> None:
    full = planned(Endpoint(name="a", model=QWEN, engine=VLLM(max_model_len=8192), on=L40S, replicas=16))
    roomy = planned(Endpoint(name="a", model=QWEN, engine=VLLM(max_model_len=8192), on=L40S, replicas=2))
    assert full.endpoints[0].rollout == "recreate-one"
    assert roomy.endpoints[0].rollout == "surge"


def test_budget_is_a_rule() -> None:
    spec = Platform(name="p", region="us-east-1", pools=[H100], budget_usd_per_month=1000)
    with pytest.raises(SpecError) as caught:
        plan_platform(spec, today=DAY)
    assert [item.code for item in caught.value.diagnostics] == ["LLM_COST_1"]


def test_a_tight_fit_is_a_warning() -> None:
    def planned_with(share: float) -> Plan:
        engine = VLLM(max_model_len=40_960, gpu_memory_utilization=share)
        return planned(Endpoint(name="a", model=QWEN, engine=engine, on=L40S, parallelism=Parallelism(tensor=2)))

    roomy = planned_with(0.92)
    assert "LLM_MEM_6" not in {item.code for item in roomy.diagnostics}
    fit = roomy.endpoints[0].fit
    spare = (fit.kv_cache_memory_gib or 0) - (fit.kv_needed_gib or 0)
    share = 0.92 - (spare - 0.2) / (fit.total_gpu_gib or 1)
    (finding,) = [item for item in planned_with(round(share, 4)).diagnostics if item.code == "LLM_MEM_6"]
    assert finding.path == "endpoints.a"
    assert "spare" in finding.found


def test_too_many_requests_and_a_small_cache_are_mended_at_the_cache() -> None:
    one = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 1))
    model = Model(id="Qwen/Qwen3-8B")
    engine = VLLM(max_model_len=8192)
    (many,) = refused(Endpoint(name="a", model=model, engine=engine, on=one, concurrency=100_000), pools=(one,))
    assert many.code == "LLM_FIT_12"
    assert "lower concurrency to at most 3" in many.fix
    long = Endpoint(name="a", model=model, engine=VLLM(max_model_len=40_000), on=one)
    (small,) = refused(long, pools=(one,))
    assert small.code == "LLM_FIT_9"
    assert 'kv_cache_dtype="fp8"' in small.fix
    assert "quantize the model" not in small.fix


def test_endpoints_that_fill_a_pool_together_do_not_wait_for_room_to_roll_out() -> None:
    """Each alone would have a spare GPU, which the other one holds."""
    two = GpuPool(name="two", instance_types=["g6e.xlarge"], nodes=(0, 2))
    model = Model(id="Qwen/Qwen3-8B")
    ends = [Endpoint(name=name, model=model, engine=VLLM(max_model_len=8192), on=two) for name in ("a", "b")]
    full = planned(*ends, pools=(two,))
    assert [item.rollout for item in full.endpoints] == ["recreate-one", "recreate-one"]
    assert not run_plan(full, (rollout_has_room,))
    three = two.model_copy(update={"nodes": (0, 3)})
    roomy = planned(*(item.model_copy(update={"on": three}) for item in ends), pools=(three,))
    assert [item.rollout for item in roomy.endpoints] == ["surge", "surge"]


def test_requests_that_only_the_estimate_holds_are_a_warning() -> None:
    def planned_for(requests: int) -> Plan:
        engine = VLLM(max_model_len=16_384)
        spread = Parallelism(tensor=2)
        return planned(Endpoint(name="a", model=QWEN, engine=engine, on=L40S, parallelism=spread, concurrency=requests))

    held = planned_for(1).endpoints[0].fit
    most = int(held.replica_concurrency or 0)
    sure = (held.replica_concurrency or 0) * (held.kv_cache_tokens_at_least or 0) / (held.kv_cache_tokens or 1)
    assert int(sure) < most, "the case must lie between the two"
    assert "LLM_MEM_9" not in {item.code for item in planned_for(int(sure)).diagnostics}
    (finding,) = [item for item in planned_for(most).diagnostics if item.code == "LLM_MEM_9"]
    assert finding.path == "endpoints.a.concurrency"
    assert f"{sure:.1f} at least" in finding.found
    assert f"set concurrency to {int(sure)}" in finding.fix
