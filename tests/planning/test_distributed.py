"""Ranks over several nodes: what starts them, what reaches experts, and what is refused before a node is paid for."""

import datetime as dt

import pytest
from msgspec.structs import replace

from llminfra import (
    VLLM,
    Diagnostic,
    Endpoint,
    GpuPool,
    Image,
    Lustre,
    Model,
    OnDemand,
    Parallelism,
    Platform,
    SpecError,
)
from llminfra.catalog.engines import EngineRelease, engine_release, known_versions
from llminfra.compiler.contracts import LustreOutputs, StorageContract
from llminfra.compiler.releases.llm_server import llm_server_values
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan

DAY = dt.date(2026, 11, 23)
H200 = GpuPool(name="h200", instance_types=["p5en.48xlarge"], nodes=(0, 4), efa=True, capacity=OnDemand())
L40S = GpuPool(name="l40s", instance_types=["g6e.48xlarge"], nodes=(0, 8))
R1 = Model(id="deepseek-ai/DeepSeek-R1")
WIDE = Parallelism(tensor=1, data=16, expert=True)
FILE_SYSTEM = StorageContract(buckets={}, lustre={"w": LustreOutputs(id="fs-1", dns_name="fs", mount_name="m")})
RAY_IMAGE = Image(repository="acme/vllm-ray", tag="0.27.1", efa=True, ray=True)


def planned(
    engine: VLLM, parallelism: Parallelism | None = WIDE, model: Model = R1, pool: GpuPool = H200, **options: object
) -> Plan:
    endpoint = Endpoint(name="a", model=model, engine=engine, on=pool, parallelism=parallelism, **options)
    spec = Platform(name="p", region="us-east-1", pools=[H200, L40S], storage=[Lustre(name="w")], endpoints=[endpoint])
    return plan_platform(spec, today=DAY)


def one(engine: VLLM, parallelism: Parallelism | None = WIDE, **options: object) -> EndpointPlan:
    return planned(engine, parallelism, **options).endpoints[0]


def refused(engine: VLLM, parallelism: Parallelism | None = WIDE, **options: object) -> Diagnostic:
    with pytest.raises(SpecError) as caught:
        planned(engine, parallelism, **options)
    (finding,) = [item for item in caught.value.diagnostics if item.severity == "error"]
    return finding


def test_wide_expert_parallelism_starts_half_of_the_copies_on_each_node() -> None:
    endpoint = one(VLLM(max_model_len=65_536))
    call = endpoint.invocation
    assert endpoint.nodes == 2
    assert endpoint.resources.gpus == 8
    assert endpoint.resources.efa == 16
    both = {
        "--data-parallel-size=16",
        "--data-parallel-size-local=8",
        "--data-parallel-rpc-port=13345",
        "--enable-expert-parallel",
        "--all2all-backend=allgather_reducescatter",
        "--nnodes=$(LWS_GROUP_SIZE)",
        "--master-addr=$(LWS_LEADER_ADDRESS)",
    }
    assert both <= set(call.args)
    assert both <= set(call.worker_args)
    assert {"--node-rank=0", "--data-parallel-address=$(VLLM_HOST_IP)"} <= set(call.args)
    assert "--headless" not in call.args
    assert {
        "--node-rank=$(LWS_WORKER_INDEX)",
        "--headless",
        "--data-parallel-address=$(LWS_LEADER_ADDRESS)",
    } <= set(call.worker_args)
    assert call.field_env["VLLM_HOST_IP"] == "status.podIP"


def test_no_probe_dials_the_port_where_engines_report() -> None:
    call = one(VLLM(max_model_len=65_536)).invocation
    assert call.worker_probe is not None
    assert "13345" not in " ".join(call.worker_probe.command)
    assert "29501" in " ".join(call.worker_probe.command)


def test_memory_of_a_rank_shrinks_as_experts_spread_over_nodes() -> None:
    one_node = one(VLLM(max_model_len=32_768), Parallelism(tensor=1, data=8, expert=True)).fit
    two_nodes = one(VLLM(max_model_len=32_768)).fit
    assert two_nodes.weights_gib_per_gpu < one_node.weights_gib_per_gpu
    # 58 layers of 256 experts with three matrices of 7168 × 2048 bytes: half of a node's share leaves each GPU.
    experts_gib = 58 * 256 * 3 * 7168 * 2048 / 2**30
    assert one_node.weights_gib_per_gpu - two_nodes.weights_gib_per_gpu == pytest.approx(experts_gib / 16, rel=0.03)
    assert two_nodes.kv_cache_tokens > one_node.kv_cache_tokens


def test_planner_takes_copies_over_nodes_where_nothing_smaller_holds_the_load() -> None:
    endpoint = one(VLLM(max_model_len=65_536), None, concurrency=100)
    assert endpoint.parallelism == WIDE
    assert endpoint.nodes == 2


def test_copies_inside_a_node_say_nothing_of_other_nodes() -> None:
    call = one(VLLM(max_model_len=32_768), Parallelism(tensor=1, data=8, expert=True)).invocation
    assert "--data-parallel-size=8" in call.args
    assert not [item for item in call.args if "local" in item or "all2all" in item or "nnodes" in item]


@pytest.mark.parametrize(
    ("parallelism", "version"), [(WIDE, "0.27.1"), (Parallelism(tensor=8, pipeline=2), "0.27.1"), (WIDE, "0.14.0")]
)
def test_every_flag_between_nodes_is_known_to_its_release(parallelism: Parallelism, version: str) -> None:
    call = one(VLLM(max_model_len=32_768, version=version), parallelism).invocation
    release = engine_release("vllm", version)
    assert release is not None
    flags = [item for item in (*call.args, *call.worker_args) if item.startswith("--")]
    assert [flag for flag in flags if not release.knows_flag(flag)] == []


def test_a_copy_larger_than_a_node_is_refused() -> None:
    finding = refused(VLLM(max_model_len=32_768), Parallelism(tensor=16, data=2, expert=True))
    assert finding.code == "LLM_DIST_2"
    assert finding.path == "endpoints.a.parallelism"


@pytest.mark.parametrize(
    "backend", ["deepep_low_latency", "deepep_high_throughput", "flashinfer_nvlink_two_sided", "nixl_ep", "deepep_v2"]
)
def test_experts_that_cannot_be_reached_over_efa(backend: str) -> None:
    finding = refused(VLLM(max_model_len=32_768, all2all_backend=backend))
    assert finding.code == "LLM_DIST_3"
    assert finding.expected == "allgather_reducescatter"
    assert (
        "--all2all-backend=deepep_low_latency"
        in one(
            VLLM(max_model_len=32_768, all2all_backend="deepep_low_latency"), Parallelism(tensor=1, data=8, expert=True)
        ).invocation.args
    ), "inside a node NVLink carries it"


def test_back_end_of_another_release() -> None:
    finding = refused(VLLM(max_model_len=32_768, version="0.19.1", all2all_backend="deepep_v2"))
    assert finding.code == "LLM_DIST_3"
    assert "0.19.1" in finding.message
    assert "allgather_reducescatter" in finding.expected


def test_deepep_for_efa_in_an_image_of_ones_own_is_a_warning() -> None:
    image = Image(repository="acme/vllm-deepep", tag="v1", efa=True)
    plan = planned(VLLM(max_model_len=32_768, all2all_backend="deepep_v2", image=image))
    assert "LLM_DIST_4" in {item.code for item in plan.diagnostics}


def test_ray_starts_the_head_waits_and_then_serves() -> None:
    engine = VLLM(max_model_len=32_768, distributed_executor_backend="ray", image=RAY_IMAGE)
    plan = planned(engine, Parallelism(tensor=8, pipeline=2))
    (endpoint,) = plan.endpoints
    call = endpoint.invocation
    assert call.command[:2] == ("sh", "-c")
    assert "ray start --head --port=6379" in call.command[2]
    assert call.command[2].rstrip().endswith('exec vllm serve "$@"')
    assert call.command[3] == "vllm", "the shell's own name, so that the first argument is the model"
    assert "--distributed-executor-backend=ray" in call.args
    assert not [item for item in call.args if "nnodes" in item or "headless" in item]
    assert "ray start --address=" in call.worker_command[2]
    assert "--block" in call.worker_command[2]
    assert call.worker_args == ()
    group = llm_server_values(endpoint, plan, FILE_SYSTEM, None).group
    assert group is not None
    assert group.worker_command == list(call.worker_command)
    assert group.worker_args == []
    assert call.worker_probe is not None
    assert "6379" in " ".join(call.worker_probe.command)


@pytest.mark.parametrize(
    ("engine", "parallelism", "code"),
    [
        (
            VLLM(max_model_len=32_768, distributed_executor_backend="ray"),
            Parallelism(tensor=8, pipeline=2),
            "LLM_DIST_5",
        ),
        (
            VLLM(
                max_model_len=32_768,
                distributed_executor_backend="ray",
                image=Image(repository="acme/vllm", tag="v1", efa=True),
            ),
            Parallelism(tensor=8, pipeline=2),
            "LLM_DIST_5",
        ),
        (VLLM(max_model_len=32_768, distributed_executor_backend="ray", image=RAY_IMAGE), WIDE, "LLM_DIST_5"),
    ],
    ids=["published image", "own image without Ray", "copies over nodes"],
)
def test_ray_that_cannot_work(engine: VLLM, parallelism: Parallelism, code: str) -> None:
    assert refused(engine, parallelism).code == code


def test_ray_on_one_node_is_pointless() -> None:
    engine = VLLM(max_model_len=32_768, distributed_executor_backend="ray")
    plan = planned(engine, Parallelism(tensor=8))
    assert "LLM_DIST_6" in {item.code for item in plan.diagnostics}
    assert "--distributed-executor-backend=ray" not in plan.endpoints[0].invocation.args


def test_old_releases_bring_ray_and_new_ones_do_not() -> None:
    brought = {version for version in known_versions("vllm") if _release(version).brings_ray}
    assert {"0.8.5", "0.10.0", "0.13.0"} <= brought
    assert "0.27.1" not in brought


def test_pipeline_stages_are_a_matter_of_the_model_class() -> None:
    release = _release("0.27.1")
    staged = {"LlamaForCausalLM", "DeepseekV3ForCausalLM", "Qwen3MoeForCausalLM", "MixtralForCausalLM"}
    assert {name for name in staged if release.pipeline_of(name)} == staged
    assert release.pipeline_of("Gemma3nForConditionalGeneration") is False
    assert release.pipeline_of("WhisperForConditionalGeneration") is False
    assert release.pipeline_of("NoSuchForCausalLM") is None


def test_stages_are_refused_where_the_class_has_none() -> None:
    model = Model(id="google/gemma-3n-E4B-it")
    finding = refused(VLLM(max_model_len=8192), Parallelism(tensor=2, pipeline=2), model=model)
    assert finding.code == "LLM_DIST_1"
    assert "Gemma3nForConditionalGeneration" in finding.message
    assert "SupportsPP" in (finding.runtime_message or "")
    assert one(VLLM(max_model_len=8192), None, model=model).parallelism.pipeline == 1


def test_nodes_of_one_zone_are_not_exclusive() -> None:
    plan = planned(VLLM(max_model_len=65_536))
    (endpoint,) = plan.endpoints
    assert len(plan.pool("h200").zones) == 1
    group = llm_server_values(endpoint, plan, FILE_SYSTEM, None).group
    assert group is not None
    assert group.exclusive_topology_key is None, "an exclusive zone would keep the second replica out"


def test_a_replica_on_a_pool_of_several_zones_keeps_to_one() -> None:
    plan = planned(VLLM(max_model_len=65_536))
    pool = replace(plan.pool("h200"), zones=("us-east-1a", "us-east-1b"))
    plan = replace(plan, pools=(pool, plan.pool("l40s")))
    group = llm_server_values(plan.endpoints[0], plan, FILE_SYSTEM, None).group
    assert group is not None
    assert group.exclusive_topology_key == "topology.kubernetes.io/zone"


def _release(version: str) -> EngineRelease:
    release = engine_release("vllm", version)
    assert release is not None
    return release
