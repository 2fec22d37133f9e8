"""Settings where nothing reads them are told at their place, and are no news where they count."""

from __future__ import annotations

from typing import Any

import pytest

from llminfra import (
    AsyncEndpoint,
    Autoscaling,
    Cluster,
    CustomMetrics,
    CustomServer,
    DJLServing,
    Ec2,
    Endpoint,
    GpuPool,
    HttpProbe,
    Image,
    ImageMirror,
    Model,
    ModelBucket,
    Network,
    Observability,
    Platform,
    SageMaker,
    SageMakerAsync,
    SnsAlerts,
    SpecError,
    Spot,
)
from llminfra.planning import plan_platform
from llminfra.planning.network.vpc import endpoint_services

ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
OWN = Image(repository=f"{ECR}/acme", tag="1")
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
KEY = "arn:aws:kms:us-east-1:111122223333:key/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
EC2 = Ec2(instance_type="g6e.2xlarge", domain_name="a.example.com", certificate_arn=CERTIFICATE)
ML, ASYNC = {"instance_type": "ml.g6e.2xlarge"}, {"output": "s3://acme-answers/a"}
SERVER = {"image": OWN, "port": 8080}
SCALED = Autoscaling(min=1, max=3, waiting_per_replica=9)
ALERTS = Observability(prometheus="managed", receivers=[SnsAlerts(topic_arn="arn:aws:sns:us-east-1:111122223333:a")])


def _pool(**fields: Any) -> GpuPool:
    return GpuPool(**{"name": "gpu", "instance_types": ["g6e.2xlarge"]} | fields)


def _platform(on: Any, given: dict[str, Any], **fields: Any) -> Platform:
    chat = Endpoint(**{"name": "chat", "model": Model(id="Qwen/Qwen3-8B"), "engine": _VLLM, "on": on} | given)
    queues = [AsyncEndpoint(behind=chat, **item) for item in fields.pop("queues", ())]
    pools = [on] if isinstance(on, GpuPool) else []
    storage = [ModelBucket(name="acme-w")]
    return Platform(
        name="acme",
        region="us-east-1",
        pools=pools,
        storage=storage,
        endpoints=[chat],
        async_endpoints=queues,
        **fields,
    )


def _unheard(platform: Platform) -> list[str]:
    try:
        found = plan_platform(platform).diagnostics
    except SpecError as error:
        found = error.diagnostics
    return sorted(item.path for item in found if item.code == "LLM_SPEC_8")


_VLLM = {"kind": "vllm", "max_model_len": 8192}
_AT = "endpoints.chat"
CASES: dict[str, tuple[Any, dict[str, Any], dict[str, Any], list[str]]] = {
    "observability": (EC2, {}, {"observability": Observability()}, ["observability"]),
    "no wish for observability": (EC2, {}, {"observability": None}, []),
    "observability beside a cluster": (EC2, {}, {"observability": Observability(), "cluster": Cluster()}, []),
    "charts": (EC2, {}, {"images": ImageMirror(registry=ECR, charts=False)}, ["images.charts"]),
    "a mirror for nobody": (SageMaker(**ML), {}, {"images": ImageMirror(registry=ECR)}, ["images"]),
    "public subnets": (
        SageMaker(**ML),
        {},
        {"network": Network(nat="none", public_subnets=["10.0.240.0/24", "10.0.241.0/24", "10.0.242.0/24"])},
        ["network.public_subnets"],
    ),
    "a layout without EFA": (_pool(efa_layout="bandwidth_optimized"), {}, {}, ["pools.gpu.efa_layout"]),
    "spot of a node group": (
        _pool(capacity=Spot(), provisioner="managed", nodes=(1, 2)),
        {},
        {},
        ["pools.gpu.capacity.fallback_on_demand"],
    ),
    "spot alone": (_pool(capacity=Spot(fallback_on_demand=False), provisioner="managed", nodes=(1, 2)), {}, {}, []),
    "a key of NVMe": (SageMaker(**ML, kms_key_arn=KEY), {}, {}, [f"{_AT}.on.kms_key_arn"]),
    "scaling by a queue": (
        SageMakerAsync(**ML, **ASYNC),
        {"replicas": SCALED},
        {},
        [f"{_AT}.replicas.waiting_per_replica"],
    ),
    "a backlog of a fixed number": (
        SageMakerAsync(**ML, **ASYNC, backlog_per_instance=9),
        {},
        {},
        [f"{_AT}.on.backlog_per_instance"],
    ),
    "scaling that cannot": (
        EC2,
        {"replicas": Autoscaling(min=2, max=2, waiting_per_replica=9, cooldown_s=1800)},
        {},
        [f"{_AT}.replicas.cooldown_s", f"{_AT}.replicas.waiting_per_replica"],
    ),
    "scaling that can": (EC2, {"replicas": SCALED}, {}, []),
    "a server on SageMaker": (
        SageMaker(**ML),
        {"engine": CustomServer(**SERVER, command=["serve"], live=HttpProbe(path="/up"), drain_s=5)},
        {},
        [f"{_AT}.engine.command", f"{_AT}.engine.drain_s", f"{_AT}.engine.live"],
    ),
    "a server on EC2": (
        EC2,
        {"engine": CustomServer(**SERVER, live=HttpProbe(period_s=9), metrics=CustomMetrics(model_label="model"))},
        {},
        [f"{_AT}.engine.live", f"{_AT}.engine.metrics.model_label"],
    ),
    "a server on a pool": (_pool(), {"engine": CustomServer(**SERVER, live=HttpProbe(period_s=9))}, {}, []),
    "pods for a queue": (
        _pool(),
        {},
        {"queues": [{"name": "docs", "trace": False, "log_days": 7, "worker_image": OWN}]},
        ["async_endpoints.docs.log_days", "async_endpoints.docs.trace"],
    ),
    "a function for a queue": (
        EC2,
        {},
        {"queues": [{"name": "docs", "trace": False, "log_days": 7, "worker_image": OWN}]},
        ["async_endpoints.docs.worker_image"],
    ),
    "another checkpoint": (
        _pool(),
        {"model": Model(id="Qwen/Qwen3-8B-FP8", quantization="awq")},
        {},
        [f"{_AT}.model.quantization"],
    ),
    "the same checkpoint": (_pool(), {"model": Model(id="Qwen/Qwen3-8B-FP8", quantization="fp8")}, {}, []),
}


@pytest.mark.parametrize("case", CASES)
def test_a_setting_is_told_where_nothing_reads_it(case: str) -> None:
    on, given, fields, expected = CASES[case]
    assert _unheard(_platform(on, given, **fields)) == expected


def test_no_endpoints_of_the_vpc_for_what_no_cluster_runs() -> None:
    paid = {"aps-workspaces", "sns"}
    assert not paid & set(endpoint_services(_platform(EC2, {}, observability=ALERTS)))
    assert paid <= set(endpoint_services(_platform(_pool(), {}, observability=ALERTS)))


def test_a_node_group_promises_no_other_capacity() -> None:
    def types(provisioner: str) -> tuple[str, ...]:
        pool = _pool(capacity=Spot(), provisioner=provisioner, nodes=(1, 2))
        return plan_platform(_platform(pool, {})).pools[0].capacity_types

    assert types("managed") == ("spot",)
    assert types("karpenter") == ("spot", "on-demand")


def test_arguments_would_take_the_place_of_the_server() -> None:
    engine = DJLServing(max_model_len=8192, extra_args=["--seed=1"])
    with pytest.raises(SpecError) as caught:
        plan_platform(_platform(_pool(), {"engine": engine}))
    (found,) = [item for item in caught.value.diagnostics if item.code == "LLM_FIT_44"]
    assert found.path == f"{_AT}.engine.extra_args"
    assert "OPTION_" in found.fix
