"""What KEDA asks Prometheus for: the series of one endpoint's own Service, whatever it calls its model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra import (
    VLLM,
    Autoscaling,
    CustomMetrics,
    CustomServer,
    Endpoint,
    GpuPool,
    Image,
    Model,
    ModelBucket,
    Platform,
    SGLang,
)
from llminfra.compiler.releases.scaling import autoscaling_values
from llminfra.planning import plan_platform

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.spec.endpoint import Engine

_WEIGHTS = ModelBucket(name="acme-scaling-weights")
_POOLS = (
    GpuPool(name="l40s", instance_types=["g6e.2xlarge"], nodes=(0, 4)),
    GpuPool(name="l4", instance_types=["g6.2xlarge"], nodes=(0, 4)),
)


def plan_of(*engines: Engine) -> Plan:
    """One model, served by each engine on a pool of its own under the model's own name."""
    endpoints = [
        Endpoint(
            name=f"e{number}",
            model=Model(id="Qwen/Qwen3-8B"),
            engine=engine,
            on=pool,
            replicas=Autoscaling(min=1, max=4),
        )
        for number, (engine, pool) in enumerate(zip(engines, _POOLS, strict=False))
    ]
    pools = list(_POOLS[: len(engines)])
    return plan_platform(
        Platform(name="acme", region="us-east-1", pools=pools, storage=[_WEIGHTS], endpoints=endpoints)
    )


def queries(plan: Plan) -> dict[str, list[str]]:
    """Every query by its endpoint."""
    found = {}
    for endpoint in plan.endpoints:
        values = autoscaling_values(endpoint, plan, "111122223333")
        assert values is not None
        found[endpoint.name] = [trigger.query for trigger in values.triggers]
    return found


def test_an_endpoint_does_not_scale_on_what_waits_at_another_of_the_same_model() -> None:
    found = queries(plan_of(VLLM(max_model_len=8192), VLLM(max_model_len=4096)))
    assert {len(asked) for asked in found.values()} == {3}
    for name, asked in found.items():
        assert all(f'service="{name}"' in query for query in asked)
    assert not set(found["e0"]) & set(found["e1"])


def test_two_engines_of_one_model_are_told_apart_as_well() -> None:
    found = queries(plan_of(VLLM(max_model_len=8192), SGLang(max_model_len=4096)))
    assert 'sglang:num_queue_reqs{namespace="llm-serving",service="e1"}' in found["e1"][0]


def test_an_own_server_needs_no_label_for_its_model() -> None:
    image = Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/tei", tag="1.8")
    found = queries(plan_of(CustomServer(image=image, metrics=CustomMetrics(waiting="te_queue_size"))))
    assert found == {"e0": ['sum(te_queue_size{namespace="llm-serving",service="e0"})']}


def test_an_own_server_of_several_models_is_asked_for_the_one_that_it_is_said_to_serve() -> None:
    image = Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/many", tag="1")
    metrics = CustomMetrics(waiting="queue", model_label="model")
    found = queries(plan_of(CustomServer(image=image, metrics=metrics)))
    assert found == {"e0": ['sum(queue{namespace="llm-serving",service="e0",model="Qwen/Qwen3-8B"})']}
