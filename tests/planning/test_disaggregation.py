"""Separate pods for prompts and answers: both planned, a router in front, and what is refused."""

import datetime as dt
import json

import pytest

from llminfra import (
    VLLM,
    AsyncEndpoint,
    Autoscaling,
    Diagnostic,
    Disaggregation,
    Ec2,
    Endpoint,
    Gateway,
    GpuPool,
    Lustre,
    Model,
    Observability,
    OnDemand,
    Parallelism,
    Platform,
    Role,
    Secret,
    SGLang,
    Slo,
    SpecError,
)
from llminfra.catalog.engines import engine_release
from llminfra.compiler.contracts import LustreOutputs, StorageContract
from llminfra.compiler.releases.llm_server import llm_server_values
from llminfra.compiler.releases.pd_router import pd_router_values
from llminfra.planning import plan_platform
from llminfra.planning.endpoints.contract import contract
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.rules import run_plan

DAY = dt.date(2026, 11, 23)
H100 = GpuPool(name="h100", instance_types=["p5.48xlarge"], nodes=(0, 8), efa=True, capacity=OnDemand())
L40S = GpuPool(name="l40s", instance_types=["g6e.48xlarge"], nodes=(0, 8))
EC2 = Ec2(
    instance_type="p5.48xlarge",
    domain_name="a.example",
    certificate_arn="arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d",
)
LLAMA = Model(id="meta-llama/Llama-3.3-70B-Instruct", quantization="fp8", token=Secret(name="acme/hf"))
STORAGE = StorageContract(buckets={}, lustre={"w": LustreOutputs(id="fs-1", dns_name="fs", mount_name="m")})
PAIR = Disaggregation(
    prefill=Role(replicas=2, parallelism=Parallelism(tensor=2), max_num_batched_tokens=16_384),
    decode=Role(replicas=Autoscaling(min=1, max=3), parallelism=Parallelism(tensor=4), max_num_seqs=512),
)


def planned(**options: object) -> Plan:
    fields = {
        "name": "chat",
        "model": LLAMA,
        "engine": VLLM(max_model_len=16_384),
        "on": H100,
        "disaggregation": PAIR,
        "api_key": Secret(name="acme/key"),
        **options,
    }
    spec = Platform(
        name="p",
        region="us-east-1",
        pools=[H100, L40S],
        storage=[Lustre(name="w")],
        observability=Observability(),
        endpoints=[Endpoint(**fields)],
    )
    return plan_platform(spec, today=DAY)


def refused(**options: object) -> list[Diagnostic]:
    with pytest.raises(SpecError) as caught:
        planned(**options)
    return [item for item in caught.value.diagnostics if item.severity == "error"]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return planned()


@pytest.fixture(scope="module")
def roles(plan: Plan) -> tuple[EndpointPlan, EndpointPlan]:
    prefill, decode = plan.endpoints
    return prefill, decode


def transfer(endpoint: EndpointPlan) -> dict[str, object]:
    (text,) = [item.partition("=")[2] for item in endpoint.invocation.args if item.startswith("--kv-transfer-config=")]
    found: dict[str, object] = json.loads(text)
    return found


def test_each_role_has_its_own_spread_memory_and_replicas(roles: tuple[EndpointPlan, EndpointPlan]) -> None:
    prefill, decode = roles
    assert [item.name for item in roles] == ["chat-prefill", "chat-decode"]
    assert [item.part_of for item in roles] == ["chat", "chat"]
    assert (prefill.parallelism.tensor, decode.parallelism.tensor) == (2, 4)
    assert (prefill.min_replicas, prefill.max_replicas) == (2, 2)
    assert (decode.min_replicas, decode.max_replicas) == (1, 3)
    assert prefill.fit.weights_gib_per_gpu == pytest.approx(2 * decode.fit.weights_gib_per_gpu, rel=0.05)
    assert "--max-num-batched-tokens=16384" in prefill.invocation.args
    assert not [item for item in decode.invocation.args if item.startswith("--max-num-batched-tokens")]
    assert "--max-num-seqs=512" in decode.invocation.args


def test_caches_go_by_nixl_over_efa_on_both_sides(roles: tuple[EndpointPlan, EndpointPlan]) -> None:
    for role in roles:
        assert transfer(role) == {
            "kv_connector": "NixlConnector",
            "kv_role": "kv_both",
            "kv_load_failure_policy": "fail",
            "kv_connector_extra_config": {"backends": ["LIBFABRIC"]},
        }
        call = role.invocation
        assert call.field_env["VLLM_NIXL_SIDE_CHANNEL_HOST"] == "status.podIP"
        assert call.env["VLLM_NIXL_SIDE_CHANNEL_PORT"] == "5600"
        assert call.env["FI_PROVIDER"] == "efa"
        assert call.privileged
        assert role.resources.efa == 32 * role.resources.gpus // 8
        assert "deep-learning-containers" in call.image_repository
    assert transfer(roles[0]) == transfer(roles[1])


def test_every_flag_and_variable_of_a_role_is_known(roles: tuple[EndpointPlan, EndpointPlan]) -> None:
    release = engine_release("vllm", roles[0].engine_version)
    assert release is not None
    for role in roles:
        flags = [item for item in role.invocation.args if item.startswith("--")]
        assert [flag for flag in flags if not release.knows_flag(flag)] == []
        own = [name for name in (*role.invocation.env, *role.invocation.field_env) if name.startswith("VLLM_")]
        assert [name for name in own if not release.knows_env(name)] == []


def test_the_sidecar_has_the_port_that_callers_know(plan: Plan, roles: tuple[EndpointPlan, EndpointPlan]) -> None:
    prefill, decode = (llm_server_values(item, plan, STORAGE, None) for item in roles)
    assert prefill.front is None
    assert decode.front is not None
    assert {"--port=8000", "--vllm-port=8200", "--kv-connector=nixlv2"} <= set(decode.front.args)
    assert "--port=8200" in decode.args
    assert "--port=8000" in prefill.args
    assert decode.port == prefill.port == 8000
    assert {decode.probes.startup.port, decode.probes.liveness.port} == {8200}
    assert decode.metrics is not None
    assert decode.metrics.port == 8200


def test_engines_are_privileged_with_a_reason_and_the_sidecar_is_not(
    plan: Plan, roles: tuple[EndpointPlan, EndpointPlan]
) -> None:
    for item in roles:
        values = llm_server_values(item, plan, STORAGE, None)
        assert values.security.privileged_reason
        assert values.security.capabilities == {}
    assert decode_front_user(plan, roles) != 0


def decode_front_user(plan: Plan, roles: tuple[EndpointPlan, EndpointPlan]) -> int:
    front = llm_server_values(roles[1], plan, STORAGE, None).front
    assert front is not None
    return front.run_as_user


def test_roles_let_each_other_in_and_callers_reach_the_router(
    plan: Plan, roles: tuple[EndpointPlan, EndpointPlan]
) -> None:
    prefill, decode = (llm_server_values(item, plan, STORAGE, None).network_policy for item in roles)
    assert prefill.peer_endpoints == ["chat-decode"]
    assert decode.peer_endpoints == ["chat-prefill"]
    opened = planned(allow_from_namespaces=["apps"])
    assert llm_server_values(opened.endpoints[0], opened, STORAGE, None).network_policy.from_namespaces == []
    assert pd_router_values(opened.routers[0], opened).from_namespaces == ["apps"]


def test_the_router_finds_the_leaders_of_both_roles(plan: Plan, roles: tuple[EndpointPlan, EndpointPlan]) -> None:
    (router,) = plan.routers
    values = pd_router_values(router, plan)
    assert values.name == "chat"
    assert values.engines == ["chat-prefill", "chat-decode"]
    labels = [llm_server_values(item, plan, STORAGE, None).labels for item in roles]
    assert [item["llm-d.ai/role"] for item in labels] == ["prefill", "decode"]
    for item in labels:
        assert values.engine_labels.items() <= {**item, "llminfra.io/role": "leader"}.items()
    assert "x-prefiller-host-port" in values.protected_headers
    assert values.drain_seconds >= max(item.drain.engine_s for item in roles)


def test_applications_are_told_of_the_router(plan: Plan) -> None:
    told = contract(plan.routers[0], plan)
    assert told.address == "http://chat.llm-serving.svc.cluster.local:8000/v1"
    assert told.auth.secret == "acme/key"


def test_each_role_scales_on_its_own_queue(plan: Plan, roles: tuple[EndpointPlan, EndpointPlan]) -> None:
    prefill, decode = (llm_server_values(item, plan, STORAGE, None).autoscaling for item in roles)
    assert prefill is None
    assert decode is not None
    assert [trigger.name for trigger in decode.triggers] == ["waiting", "running", "cache"]
    for trigger in decode.triggers:
        assert 'service="chat-decode"' in trigger.query
        assert "model_name" not in trigger.query


def test_the_plan_says_how_long_a_cache_travels(plan: Plan) -> None:
    (router,) = plan.routers
    # 80 layers, keys and values, 8 heads of 128 in 16 bit.
    assert router.cache_bytes_per_token == pytest.approx(80 * 2 * 8 * 128 * 2, rel=0.01)
    assert router.fabric_gbps == 3200 * 2 / 8
    assert router.transfer_ms(1024) == pytest.approx(1024 * 327_680 * 8 / 800e9 * 1e3, rel=0.01)


def test_latency_targets_go_to_the_role_that_answers_for_them() -> None:
    slo = Slo(time_to_first_token_ms=2_000, time_per_output_token_ms=60)
    prefill, decode = planned(slo=slo).endpoints
    assert prefill.spec.slo is not None
    assert decode.spec.slo is not None
    assert (prefill.spec.slo.time_to_first_token_ms, prefill.spec.slo.time_per_output_token_ms) == (2_000, None)
    assert (decode.spec.slo.time_to_first_token_ms, decode.spec.slo.time_per_output_token_ms) == (None, 60)


def test_the_planner_spreads_roles_that_say_nothing() -> None:
    prefill, decode = planned(disaggregation=Disaggregation(), concurrency=32).endpoints
    assert prefill.parallelism.tensor < decode.parallelism.tensor, "only answers keep their caches"
    assert {prefill.parallelism.pipeline, decode.parallelism.pipeline} == {1}


def test_roles_larger_than_a_node_are_copies_with_spread_experts() -> None:
    wide = Role(parallelism=Parallelism(tensor=1, data=16, expert=True))
    plan = planned(
        model=Model(id="deepseek-ai/DeepSeek-R1"),
        # Whole graphs of 128 heads keep 8 MiB for each sequence.
        engine=VLLM(max_model_len=16_384, max_num_batched_tokens=2048, max_num_seqs=128),
        disaggregation=Disaggregation(prefill=wide, decode=wide),
    )
    assert [item.nodes for item in plan.endpoints] == [2, 2]
    values = llm_server_values(plan.endpoints[1], plan, STORAGE, None)
    assert values.group is not None
    assert "--data-parallel-size-local=8" in values.group.worker_args
    assert values.front is not None
    assert values.field_env["VLLM_NIXL_SIDE_CHANNEL_HOST"] == "status.podIP"


@pytest.mark.parametrize(
    ("options", "code", "path"),
    [
        ({"engine": SGLang(max_model_len=16_384)}, "LLM_DIST_8", "endpoints.chat.engine"),
        ({"engine": VLLM(max_model_len=16_384, version="0.10.0")}, "LLM_DIST_8", "endpoints.chat.engine.version"),
        ({"on": EC2}, "LLM_DIST_8", "endpoints.chat.disaggregation"),
        ({"on": L40S}, "LLM_DIST_9", "endpoints.chat.on"),
        (
            {
                "engine": VLLM(
                    max_model_len=16_384, extra_args=['--kv-transfer-config={"kv_connector":"NixlConnector"}']
                )
            },
            "LLM_DIST_10",
            "endpoints.chat.engine.extra_args[0]",
        ),
        (
            {"disaggregation": Disaggregation(prefill=Role(parallelism=Parallelism(tensor=4, pipeline=2)))},
            "LLM_DIST_11",
            "endpoints.chat.disaggregation.prefill.parallelism.pipeline",
        ),
        (
            {"disaggregation": Disaggregation(decode=Role(parallelism=Parallelism(tensor=7)))},
            "LLM_SHAPE_1",
            "endpoints.chat.disaggregation.decode.parallelism",
        ),
        (
            {"disaggregation": Disaggregation(decode=Role(replicas=100))},
            "LLM_FIT_6",
            "endpoints.chat.disaggregation.prefill.replicas",
        ),
    ],
    ids=["engine", "release", "target", "no EFA", "own argument", "stages", "heads", "room"],
)
def test_what_cannot_work_is_said_where_it_was_written(options: dict[str, object], code: str, path: str) -> None:
    finding = refused(**options)[0]
    assert (finding.code, finding.path) == (code, path)
    assert finding.fix


def test_hybrid_models_want_equal_ranks() -> None:
    model = Model(id="Qwen/Qwen3-Next-80B-A3B-Instruct")
    uneven = Disaggregation(
        prefill=Role(parallelism=Parallelism(tensor=4)), decode=Role(parallelism=Parallelism(tensor=8))
    )
    assert [item.code for item in refused(model=model, disaggregation=uneven)] == ["LLM_DIST_12"]
    even = Disaggregation(
        prefill=Role(parallelism=Parallelism(tensor=4)), decode=Role(parallelism=Parallelism(tensor=4))
    )
    assert len(planned(model=model, disaggregation=even).endpoints) == 2


def test_a_gateway_and_a_queue_do_not_stand_in_front_of_the_router() -> None:
    endpoint = Endpoint(name="chat", model=LLAMA, engine=VLLM(max_model_len=16_384), on=H100, disaggregation=PAIR)
    spec = Platform(
        name="p",
        region="us-east-1",
        pools=[H100],
        storage=[Lustre(name="w")],
        endpoints=[endpoint],
        gateways=[Gateway(name="edge", endpoints=[endpoint], exposure="cluster")],
        async_endpoints=[AsyncEndpoint(name="later", behind=endpoint)],
    )
    with pytest.raises(SpecError) as caught:
        plan_platform(spec, today=DAY)
    found = {item.code: item.path for item in caught.value.diagnostics if item.severity == "error"}
    assert found == {"LLM_DIST_16": "gateways.edge.endpoints.chat", "LLM_DIST_17": "async_endpoints.later.behind"}


@pytest.mark.parametrize("field", [{"replicas": 2}, {"parallelism": Parallelism(tensor=2)}], ids=["replicas", "spread"])
def test_what_belongs_to_a_role_is_not_said_of_the_endpoint(field: dict[str, object]) -> None:
    with pytest.raises(SpecError) as caught:
        planned(**field)
    assert "belongs to each role" in str(caught.value)


def test_rules_on_the_plan_name_the_declaration() -> None:
    asleep = Disaggregation(prefill=Role(replicas=Autoscaling(min=0, max=2)))
    found = {(item.code, item.path) for item in run_plan(planned(disaggregation=asleep))}
    assert ("LLM_SRV_69", "endpoints.chat.disaggregation.prefill.replicas") in found
    assert not [path for _, path in found if "chat-prefill" in path]
