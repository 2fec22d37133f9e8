"""Replicas beyond an endpoint's own, on another pool: both planned, one Service over both, and what is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from llminfra import (
    VLLM,
    AsyncEndpoint,
    Autoscaling,
    CustomMetrics,
    CustomServer,
    Diagnostic,
    Disaggregation,
    Ec2,
    Endpoint,
    Gateway,
    GpuPool,
    Image,
    LocalNvme,
    Lustre,
    Model,
    ModelBucket,
    Observability,
    OnDemand,
    Overflow,
    Parallelism,
    Platform,
    Reservation,
    Secret,
    SpecError,
    Spot,
)
from llminfra.cli.diff_page.changes import platform_changes
from llminfra.cli.page.architecture import architecture
from llminfra.cli.page.served import served
from llminfra.compiler.contracts import BucketOutputs, StorageContract
from llminfra.compiler.releases.gateway import llm_gateway_values
from llminfra.compiler.releases.llm_server import llm_server_values
from llminfra.compiler.stacks.serving import waits
from llminfra.loading.load import load
from llminfra.planning import plan_platform
from llminfra.planning.endpoints.contract import contract
from llminfra.planning.mended import rest_of
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.serving import BusyPlan
from llminfra.rules import run_plan

DAY = dt.date(2026, 11, 23)
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d"
REVISION = "b968826d9c46dd6066d109eabc6255188de91218"
BASE = GpuPool(name="base", instance_types=["g6e.12xlarge"], nodes=(1, 2), zones=["us-east-1b"], capacity=OnDemand())
SPOT = GpuPool(name="spot", instance_types=["g6e.24xlarge"], nodes=(0, 4), capacity=Spot(fallback_on_demand=False))
SMALL = GpuPool(name="small", instance_types=["g6.xlarge"], nodes=(0, 4), capacity=Spot())
BARE = GpuPool(name="bare", instance_types=["p4d.24xlarge"], nodes=(0, 1), capacity=Spot())
H100 = GpuPool(name="h100", instance_types=["p5.48xlarge"], nodes=(0, 1), capacity=Spot())
EC2 = Ec2(instance_type="g6e.2xlarge", domain_name="a.example.com", certificate_arn=CERTIFICATE)
BUCKET, OTHER = ModelBucket(name="acme-w"), ModelBucket(name="acme-other")
FILES = Lustre(name="w", source=BUCKET, zone="us-east-1b")
SERVER = CustomServer(
    image=Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/acme", tag="1"), command=["serve"], port=8000
)
BUSY = BusyPlan(schedulers=1, running=204, cache=0.8, why="80% of the 256 that may run at once")
QWEN = Model(id="Qwen/Qwen3-8B", revision=REVISION)
STORAGE = StorageContract(
    buckets={
        name: BucketOutputs(name=name, arn=f"arn:aws:s3:::{name}", key_arn="") for name in ("acme-w", "acme-other")
    },
    lustre={},
)


def platform(endpoint: dict[str, Any] | None = None, **fields: Any) -> Platform:
    given = {"name": "chat", "model": QWEN, "engine": VLLM(max_model_len=16_384), "on": BASE, "replicas": 2}
    given |= {
        "overflow": Overflow(on=SPOT, max=6, parallelism=Parallelism(tensor=2)),
        "api_key": Secret(name="acme/key"),
        **(endpoint or {}),
    }
    chat = Endpoint(**given)
    return Platform(
        **{
            "name": "p",
            "region": "us-east-1",
            "pools": [BASE, SPOT, SMALL, H100],
            "storage": [BUCKET, OTHER],
            "observability": Observability(),
            "endpoints": [chat],
            **{name: value(chat) if callable(value) else value for name, value in fields.items()},
        }
    )


def planned(endpoint: dict[str, Any] | None = None, **fields: Any) -> Plan:
    return plan_platform(platform(endpoint, **fields), today=DAY)


def errors_of(spec: Platform) -> list[Diagnostic]:
    with pytest.raises(SpecError) as caught:
        plan_platform(spec, today=DAY)
    return [item for item in caught.value.diagnostics if item.severity == "error"]


def refused(endpoint: dict[str, Any], **fields: Any) -> list[Diagnostic]:
    return errors_of(platform(endpoint, **fields))


def fired(plan: Plan) -> dict[str, str]:
    return {
        item.code: item.path for item in run_plan(plan) if ".overflow" in item.path or item.code.startswith("LLM_OVF")
    }


@pytest.fixture(scope="module")
def plan() -> Plan:
    return planned()


@pytest.fixture(scope="module")
def both(plan: Plan) -> tuple[EndpointPlan, EndpointPlan]:
    base, beyond = plan.endpoints
    return base, beyond


def test_each_place_has_its_own_spread_memory_start_and_replicas(both: tuple[EndpointPlan, EndpointPlan]) -> None:
    base, beyond = both
    assert [(item.name, item.pool, item.part_of, item.declared_path) for item in both] == [
        ("chat", "base", None, "endpoints.chat"),
        ("chat-overflow", "spot", "chat", "endpoints.chat.overflow"),
    ]
    assert (base.min_replicas, base.max_replicas) == (2, 2)
    assert (beyond.min_replicas, beyond.max_replicas) == (0, 6)
    assert base.fit.kv_cache_tokens != beyond.fit.kv_cache_tokens
    assert base.instance_type != beyond.instance_type
    assert base.served_name == beyond.served_name
    assert {arg for arg in base.invocation.args if "max-model-len" in arg} <= set(beyond.invocation.args)


def test_what_is_kept_is_weighed_by_what_a_replica_holds(both: tuple[EndpointPlan, EndpointPlan]) -> None:
    base, beyond = both
    overflow = beyond.overflow
    assert overflow is not None
    assert overflow.cache == pytest.approx(
        (beyond.fit.kv_cache_tokens or 0) / (base.fit.kv_cache_tokens or 1), abs=1e-3
    )
    assert (base.busy, beyond.busy) == (BUSY, BUSY)
    assert overflow.base_replicas == 2
    assert 1 < (overflow.throughput or 0) < 2


def test_money_at_rest_is_that_of_the_own_replicas(plan: Plan) -> None:
    lines = {line.spec_path: line for line in plan.costs}
    assert lines["pools.spot"].usd_per_hour_min == 0
    assert (lines["pools.spot"].usd_per_hour_max or 0) > 0
    assert (lines["pools.base"].usd_per_hour_min or 0) > 0
    spot = next(item for item in plan.quotas if "Spot" in item.name)
    assert "pool spot: 4 nodes" in spot.why


def test_one_service_over_both_and_nothing_else_in_common(plan: Plan, both: tuple[EndpointPlan, EndpointPlan]) -> None:
    own, more = (llm_server_values(item, plan, STORAGE, None) for item in both)
    assert (own.has_overflow, own.overflow_of) == (True, None)
    assert (more.has_overflow, more.overflow_of) == (None, "chat")
    assert own.service_monitor is not None
    assert more.service_monitor is None
    assert own.autoscaling is None
    assert more.autoscaling is not None
    assert (more.autoscaling.min_replicas, more.autoscaling.max_replicas) == (0, 6)
    assert [item.name for item in more.autoscaling.triggers] == ["waiting", "running", "cache"]
    assert more.disruption == own.disruption
    assert more.scheduling.node_selector != own.scheduling.node_selector
    assert waits(both[0], plan)
    assert not waits(both[1], plan)
    assert contract(both[0], plan) == contract(both[1], plan)
    assert contract(both[0], plan).address == "http://chat.llm-serving.svc.cluster.local:8000/v1"


def test_a_gateway_and_a_queue_reach_both() -> None:
    plan = planned(gateways=lambda chat: [Gateway(name="llm", endpoints=[chat], exposure="cluster")])
    (route,) = llm_gateway_values(plan.gateways[0], plan, None).routes
    assert route.pod_labels == {"app.kubernetes.io/instance": "chat", "llminfra.io/role": "leader"}
    policies = [llm_server_values(item, plan, STORAGE, None).network_policy for item in plan.endpoints]
    assert policies[0].from_pods == policies[1].from_pods
    assert policies[0].from_pods is not None
    flows = {(item.start, item.end) for item in architecture(plan, served(plan), "x").edges}
    assert {("gateway:llm", "model:chat"), ("gateway:llm", "model:chat-overflow")} <= flows
    queued = planned(async_endpoints=lambda chat: [AsyncEndpoint(name="docs", behind=chat)])
    (values,) = [llm_server_values(item, queued, STORAGE, None) for item in queued.endpoints if item.overflow]
    assert values.autoscaling is not None
    assert values.autoscaling.queue_triggers is None


@pytest.mark.parametrize(
    ("endpoint", "code", "path", "words"),
    [
        ({"overflow": Overflow(on=BASE, max=2)}, "LLM_OVF_2", "overflow.on", "same capacity twice"),
        ({"on": EC2}, "LLM_OVF_1", "overflow", "runs elsewhere"),
        ({"overflow": Overflow(on=BARE, max=2)}, "LLM_REF_1", "overflow.on", "not part of this platform"),
        (
            {"overflow": Overflow(on=SPOT, max=2, weights=ModelBucket(name="gone"))},
            "LLM_REF_2",
            "overflow.weights",
            "lie",
        ),
        # The same request must be held on both: the own replicas hold it, those of the overflow do not.
        (
            {"engine": VLLM(max_model_len=40_960), "overflow": Overflow(on=SMALL, max=2)},
            "LLM_FIT_9",
            "overflow",
            "does not fit pool 'small'",
        ),
        (
            {"overflow": Overflow(on=SMALL, max=2, parallelism=Parallelism(tensor=8))},
            "LLM_FIT_6",
            "overflow.parallelism",
            "more GPUs than pool 'small'",
        ),
        ({"overflow": Overflow(on=SMALL, min=5, max=6)}, "LLM_FIT_6", "overflow", "more GPUs than pool 'small'"),
    ],
)
def test_what_cannot_be_is_told_where_it_was_written(
    endpoint: dict[str, Any], code: str, path: str, words: str
) -> None:
    found = {item.code: item for item in refused(endpoint)}
    assert found.keys() == {code}
    assert found[code].path == f"endpoints.chat.{path}"
    assert words in found[code].message
    assert found[code].fix


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"replicas": Autoscaling(min=1, max=2)}, "replicas"),
        ({"replicas": 1, "disaggregation": Disaggregation()}, "overflow"),
    ],
)
def test_the_own_replicas_are_a_fixed_number_of_whole_ones(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecError) as caught:
        platform(fields)
    (found,) = caught.value.diagnostics
    assert found.code == "LLM_SPEC_1"
    assert field in found.found
    assert "leave overflow out" in found.fix


def test_what_is_wrong_with_both_is_told_once() -> None:
    found = refused({"engine": VLLM(max_model_len=16_384, version="0.0.1")})
    assert [item.path for item in found] == ["endpoints.chat.engine.version"]


def test_another_object_cannot_have_the_name_of_an_overflow() -> None:
    twin = Endpoint(name="chat-overflow", model=QWEN, engine=VLLM(max_model_len=8_192), on=BASE)
    found = refused({}, endpoints=lambda chat: [chat, twin])
    assert [(item.code, item.path) for item in found] == [("LLM_SPEC_4", "endpoints.chat-overflow")]


@pytest.mark.parametrize(
    ("endpoint", "fields", "expected"),
    [
        ({}, {}, {}),
        ({"on": H100, "replicas": 2}, {}, {"LLM_OVF_3": "endpoints.chat.on", "LLM_OVF_4": "endpoints.chat.overflow"}),
        ({"overflow": Overflow(on=H100, max=2)}, {}, {"LLM_OVF_4": "endpoints.chat.overflow"}),
        (
            {"overflow": Overflow(on=H100, max=2)},
            {"gateways": lambda chat: [Gateway(name="llm", endpoints=[chat], exposure="cluster")]},
            {},
        ),
        ({}, {"observability": None}, {"LLM_SRV_69": "endpoints.chat.overflow"}),
        ({"engine": SERVER, "api_key": None}, {}, {"LLM_SRV_69": "endpoints.chat.overflow"}),
        (
            {"engine": SERVER.model_copy(update={"metrics": CustomMetrics(waiting="queue")}), "api_key": None},
            {},
            {"LLM_SRV_79": "endpoints.chat.overflow"},
        ),
        ({"overflow": Overflow(on=SPOT, max=2, cooldown_s=60)}, {}, {"LLM_SRV_70": "endpoints.chat.overflow"}),
        ({"overflow": Overflow(on=SPOT, max=1)}, {}, {}),
    ],
)
def test_rules_on_what_is_planned(endpoint: dict[str, Any], fields: dict[str, Any], expected: dict[str, str]) -> None:
    assert fired(planned(endpoint, **fields)) == expected


def test_a_server_of_ones_own_is_kept_by_what_it_tells() -> None:
    server = SERVER.model_copy(update={"metrics": CustomMetrics(waiting="queue", running="busy", max_running=10)})
    plan = planned({"engine": server, "api_key": None})
    values = llm_server_values(plan.endpoints[1], plan, STORAGE, None)
    assert values.autoscaling is not None
    assert [(item.name, item.threshold) for item in values.autoscaling.triggers] == [("waiting", 5), ("running", 8)]


@pytest.mark.parametrize(
    ("weights", "overflow", "kinds"),
    [
        (FILES, BUCKET, ["lustre", "bucket"]),
        (None, None, ["bucket", "bucket"]),
        (LocalNvme(source=BUCKET), None, ["nvme", "nvme"]),
        (BUCKET, LocalNvme(source=BUCKET), ["bucket", "nvme"]),
    ],
)
def test_weights_come_from_where_each_place_reads_them(weights: Any, overflow: Any, kinds: list[str]) -> None:
    storage = [BUCKET, OTHER, FILES] if weights is FILES else [BUCKET, OTHER]
    plan = planned({"weights": weights, "overflow": Overflow(on=SPOT, max=2, weights=overflow)}, storage=storage)
    assert [item.weights.kind for item in plan.endpoints] == kinds
    assert [plan.pool(item.pool).node_cache for item in plan.endpoints] == [kind == "nvme" for kind in kinds]


def test_a_file_system_does_not_reach_an_overflow_in_another_zone() -> None:
    away = SPOT.model_copy(update={"zones": ("us-east-1a",)})
    found = refused(
        {"weights": FILES, "overflow": Overflow(on=away, max=2)}, pools=[BASE, away], storage=[BUCKET, FILES]
    )
    assert {(item.code, item.path) for item in found} == {("LLM_STO_21", "storage.w.zone")}
    assert "pool 'spot'" in found[0].message


def test_an_error_of_the_other_pool_hides_nothing_of_the_own_replicas() -> None:
    wrong = SPOT.model_copy(update={"zones": ("us-east-1z",)})
    spec = platform({"overflow": Overflow(on=wrong, max=2), "on": SMALL, "replicas": 1}, pools=[SMALL, wrong])
    found = errors_of(spec)
    assert [item.code for item in found] == ["LLM_NET_20"]
    rest = rest_of(spec, found)
    assert rest.plan is not None
    assert [item.name for item in rest.plan.endpoints] == ["chat", "chat-overflow"]
    assert rest.open == {"chat"}


def test_replicas_over_nodes_are_added_the_same_way() -> None:
    fabric = {"instance_types": ["p5.48xlarge"], "efa": True, "capacity": OnDemand(), "zones": ["us-east-1b"]}
    base = GpuPool(name="base", nodes=(2, 2), **fabric)
    more = GpuPool(
        name="more", nodes=(0, 2), **{**fabric, "capacity": Reservation(reservation_id="cr-0123456789abcdef0")}
    )
    spread = Parallelism(tensor=8, pipeline=2)
    chat = {"model": Model(id="deepseek-ai/DeepSeek-R1"), "on": base, "replicas": 1, "parallelism": spread}
    plan = planned({**chat, "overflow": Overflow(on=more, max=1, parallelism=spread)}, pools=[base, more])
    values = llm_server_values(plan.endpoints[1], plan, STORAGE, None)
    assert values.group is not None
    assert values.autoscaling is not None
    assert 'pod=~"chat-overflow-lws-' in values.autoscaling.triggers[1].query


def test_a_change_of_the_overflow_is_told_as_one_of_its_endpoint() -> None:
    one, two = planned({"overflow": None}), planned({"overflow": Overflow(on=SPOT, max=4)})
    came = platform_changes(one, two)
    assert [(item.action, item.path) for item in came.changes if item.path.startswith("endpoints")] == [
        ("new", "endpoints.chat.overflow")
    ]
    assert came.lost_names == ()
    three = platform_changes(two, planned())
    told = {(item.path, item.what, item.old, item.new) for item in three.changes}
    assert ("endpoints.chat.overflow", "replicas", "0…4", "0…6") in told


YAML = """
name: p
region: us-east-1
pools:
  base: {instance_types: [g6e.12xlarge], nodes: [1, 2]}
  spot: {instance_types: [g6e.24xlarge], nodes: [0, 4], capacity: {kind: spot}}
endpoints:
  chat:
    model: {id: Qwen/Qwen3-8B}
    engine: {kind: vllm, max_model_len: 16384}
    on: base
    replicas: 2
    overflow:
      on: spot
      max: MAX
"""


def test_yaml_says_the_same_and_is_told_at_its_line(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(YAML.replace("MAX", "6"), encoding="utf-8")
    (loaded,) = load(file).platforms
    assert loaded.workloads[0].overflow == Overflow(on=loaded.pools[1], max=6)
    file.write_text(YAML.replace("on: spot", "on: base").replace("MAX", "6"), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        plan_platform(load(file).platforms[0], today=DAY)
    (found,) = caught.value.diagnostics
    assert (found.code, found.line) == ("LLM_OVF_2", YAML.splitlines().index("      on: spot") + 1)
    assert "replicas: {min: 2, max: …}" in found.fix
