"""Replicas follow what runs and what caches hold: an empty queue takes none from those that have work."""

import datetime as dt
import math
import re
from collections.abc import Mapping
from typing import Any

import pytest

from llminfra import (
    TGI,
    VLLM,
    Autoscaling,
    CustomMetrics,
    CustomServer,
    Endpoint,
    GpuPool,
    Image,
    Model,
    ModelBucket,
    OnDemand,
    Parallelism,
    Platform,
    SGLang,
    Slo,
    SpecError,
)
from llminfra.charts.llm_server import PrometheusTrigger
from llminfra.compiler.releases.scaling import autoscaling_values
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan
from llminfra.planning.plan.serving import BusyPlan
from llminfra.rules import run_plan

DAY = dt.date(2026, 11, 23)
POOL = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(1, 4), capacity=OnDemand())
SCALED = Autoscaling(min=1, max=8)
VLLM_8K = VLLM(max_model_len=8192)
SERVER = CustomServer(image=Image(repository="acme/server", tag="v1"), metrics=CustomMetrics(waiting="queue"))


def plan(
    engine: Any = VLLM_8K, *, replicas: Autoscaling = SCALED, model: str = "Qwen/Qwen3-8B", **options: Any
) -> Plan:
    endpoint = Endpoint(name="chat", model=Model(id=model), engine=engine, on=POOL, replicas=replicas, **options)
    storage = [ModelBucket(name="acme-weights")]
    return plan_platform(
        Platform(name="p", region="us-east-1", pools=[POOL], storage=storage, endpoints=[endpoint]), today=DAY
    )


def busy(planned: Plan) -> BusyPlan:
    (item,) = planned.endpoints
    assert item.busy is not None
    return item.busy


def triggers(planned: Plan) -> list[PrometheusTrigger]:
    (item,) = planned.endpoints
    values = autoscaling_values(item, planned, "111122223333")
    assert values is not None
    return values.triggers


def wanted(planned: Plan, told: Mapping[str, float]) -> int:
    """Replicas that an autoscaler asks for: the most of any trigger's sum by its threshold, rounded up."""
    sums = {trigger.name: told[trigger.name] / trigger.threshold for trigger in triggers(planned)}
    return max(1, *(math.ceil(ratio) for ratio in sums.values()))


def test_replicas_with_work_stay_while_nobody_waits() -> None:
    planned = plan()
    at_each = 0.75 * busy(planned).running  # type: ignore[operator]  # vLLM tells what runs
    assert wanted(planned, {"waiting": 0, "running": 4 * at_each, "cache": 0}) == 3
    assert wanted(planned, {"waiting": 0, "running": 8, "cache": 4 * 0.7}) == 4
    assert wanted(planned, {"waiting": 0, "running": 8, "cache": 0.1}) == 1
    assert wanted(planned, {"waiting": 31, "running": 8, "cache": 0.1}) == 7


@pytest.mark.parametrize(
    ("engine", "running", "cache"),
    [
        (VLLM_8K, 204, 0.8),
        (VLLM(max_model_len=8192, max_num_seqs=10), 8, 0.8),
        # One request at a time: a replica is busy with it.
        (VLLM(max_model_len=8192, max_num_seqs=1), 1, 0.8),
        (SGLang(max_model_len=8192, max_num_seqs=40), 32, 0.8),
        (SERVER.model_copy(update={"metrics": CustomMetrics(waiting="q", running="r", max_running=40)}), 32, None),
    ],
    ids=["vllm", "vllm-10", "vllm-1", "sglang", "custom"],
)
def test_busy_is_a_share_of_what_the_engine_may_run(engine: Any, running: int, cache: float | None) -> None:
    options = {"parallelism": Parallelism(tensor=1)} if engine.kind == "custom" else {}
    found = busy(plan(engine, **options))
    assert (found.running, found.cache) == (running, cache)
    half = busy(plan(engine, replicas=Autoscaling(min=1, max=8, target_utilization=0.4), **options))
    assert half.running == max(1, running // 2)


def test_an_engine_without_a_cache_metric_runs_what_its_cache_holds() -> None:
    planned = plan(TGI(max_model_len=8192))
    found, speed = busy(planned), planned.endpoints[0].performance
    assert speed is not None
    assert speed.full is not None
    assert (found.running, found.cache) == (int(0.8 * speed.full.load.concurrency), None)
    assert "typical" in found.why


def test_a_promise_limits_what_a_replica_runs() -> None:
    planned = plan(slo=Slo(time_per_output_token_ms=30, prompt_tokens=512, output_tokens=128))
    found, speed = busy(planned), planned.endpoints[0].performance
    assert speed is not None
    assert speed.promised is not None
    assert found.running == int(0.8 * speed.promised) < 204
    assert "targets" in found.why
    faster = plan(slo=Slo(time_per_output_token_ms=40, prompt_tokens=512, output_tokens=128))
    assert (busy(faster).running or 0) > found.running


def test_copies_of_attention_tell_a_share_each() -> None:
    planned = plan(parallelism=Parallelism(tensor=1, data=2))
    assert (busy(planned).schedulers, busy(planned).running) == (2, 409)
    assert {trigger.name: trigger.threshold for trigger in triggers(planned)} == {
        "waiting": 5,
        "running": 409,
        "cache": 1.6,
    }


@pytest.mark.parametrize(
    ("engine", "model", "options", "why"),
    [
        (SERVER, "Qwen/Qwen3-8B", {"parallelism": Parallelism(tensor=1)}, "how much it runs"),
        (VLLM(), "BAAI/bge-large-en-v1.5", {}, "answers come whole"),
    ],
    ids=["custom", "embedder"],
)
def test_a_share_of_nothing_is_told(engine: Any, model: str, options: dict[str, Any], why: str) -> None:
    planned = plan(engine, model=model, replicas=Autoscaling(min=1, max=4, target_utilization=0.5), **options)
    (found,) = [item for item in planned.diagnostics if item.code == "LLM_SPEC_8"]
    assert found.path == "endpoints.chat.replicas.target_utilization"
    assert why in found.message
    assert [trigger.name for trigger in triggers(planned)] == ["waiting"]


def test_a_server_that_tells_its_queue_alone_is_warned_about() -> None:
    alone = plan(SERVER, parallelism=Parallelism(tensor=1))
    assert [(hit.code, hit.path) for hit in run_plan(alone) if hit.code == "LLM_SRV_79"] == [
        ("LLM_SRV_79", "endpoints.chat.replicas")
    ]
    metrics = CustomMetrics(waiting="queue", running="busy", max_running=16)
    both = plan(SERVER.model_copy(update={"metrics": metrics}), parallelism=Parallelism(tensor=1))
    assert "LLM_SRV_79" not in {hit.code for hit in run_plan(both)}
    assert re.match(r"sum\(busy\{", triggers(both)[1].query)


def test_most_of_an_untold_number_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        CustomMetrics(waiting="queue", max_running=16)
    assert "running" in str(caught.value)
