"""The cold start: what is part of which estimate, and what a faster one asks for."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import msgspec
import pytest

from llminfra import VLLM, Ec2, Endpoint, GpuPool, LocalNvme, Model, ModelBucket, Platform
from llminfra.catalog import instances
from llminfra.compiler.releases.llm_server import llm_server_values
from llminfra.planning.plan.startup import Phase, StartupPlan
from llminfra.planning.platform import plan_platform
from llminfra.planning.start.load_choices import load_choices
from tests.helpers.example_plans import example_plan
from tests.serving_targets.platforms import CERTIFICATE


def startup() -> StartupPlan:
    seconds = {"node": 120.0, "image": 100.5, "copy": 40.0, "process": 30.0, "weights": 50.0}
    phases = tuple(Phase(name=name, seconds=each, why="for a test") for name, each in seconds.items())
    return StartupPlan(phases=phases, budget_s=600)


def test_the_container_starts_after_node_image_and_copy() -> None:
    assert startup().estimate_s == 340.5
    assert startup().container_s == 80


def test_a_pod_may_be_older_than_the_budget_by_what_comes_first() -> None:
    assert startup().pod_patience_s == 600 + 281


def test_the_annotation_compares_the_budget_with_the_container_alone() -> None:
    plan = example_plan("quickstart")
    (endpoint,) = plan.endpoints
    text = llm_server_values(endpoint, plan, None, None).annotations["llminfra.io/startup-budget"]
    budget, container, before = (int(item) for item in re.findall(r"(\d+) s\b", text))
    assert budget == endpoint.startup.budget_s
    assert container == round(endpoint.startup.container_s)
    assert before == round(endpoint.startup.estimate_s - endpoint.startup.container_s)
    assert budget >= 2 * container


def tips(instance: str, *, nodes: tuple[int, int] = (0, 2), managed: bool = False, **fields: Any) -> str:
    pool = GpuPool(
        name="gpu", instance_types=[instance], nodes=nodes, provisioner="managed" if managed else "karpenter"
    )
    storage = [item for item in (fields.get("weights"),) if item is not None and item.kind == "bucket"]
    if (kept := fields.get("weights")) is not None and kept.kind == "nvme":
        storage = [kept.source]
    fields = {"model": Model(id="Qwen/Qwen3-8B"), "engine": VLLM(max_model_len=8192), **fields}
    endpoint = Endpoint(name="chat", on=pool, **fields)
    platform = Platform(name="acme", region="us-east-1", pools=[pool], storage=storage, endpoints=[endpoint])
    (planned,) = plan_platform(platform, today=dt.date(2026, 11, 23)).endpoints
    return "\n".join(planned.startup.advice)


def test_the_cheapest_place_that_saves_most_is_the_tip() -> None:
    text = tips("g6e.12xlarge")
    assert "streaming from S3 loads the weights in" in text
    assert "Lustre" not in text


def test_a_slow_copy_to_nvme_is_told_of_streaming() -> None:
    bucket = ModelBucket(name="acme-weights")
    model = Model(id="meta-llama/Llama-3.3-70B-Instruct")
    text = tips("g6e.48xlarge", model=model, nodes=(1, 2), managed=True, weights=LocalNvme(source=bucket))
    assert "weights='acme-weights' without LocalNvme" in text


def test_no_tip_asks_for_what_cannot_be_declared() -> None:
    for instance in ("g6.xlarge", "g6e.12xlarge", "p5.48xlarge"):
        assert "EBS" not in tips(instance, model=Model(id="Qwen/Qwen3-1.7B"))


def test_a_warm_node_is_no_tip_where_there_is_one() -> None:
    assert "a node to spare" in tips("g6e.12xlarge")
    assert "a node to spare" not in tips("g6e.12xlarge", nodes=(1, 2), managed=True)
    # Karpenter has no minimum that it would keep.
    assert "a node to spare" in tips("g6e.12xlarge", nodes=(1, 2))


def test_a_new_file_system_has_its_price() -> None:
    weights = example_plan("quickstart").endpoints[0].weights
    instance = instances.get("p5.48xlarge")
    assert instance is not None
    (lustre,) = [item for item in load_choices(weights, instance, ()) if item.kind == "lustre"]
    assert re.search(r"capacity_gib=\d+, throughput_mbps_per_tib=1000, \$[\d,]+ a month in us-east-1", lustre.needs)


@pytest.mark.parametrize("pods", [True, False])
def test_the_hub_is_nowhere_faster_than_s3(pods: bool) -> None:
    weights = msgspec.structs.replace(example_plan("quickstart").endpoints[0].weights, kind="lustre")
    for instance in instances.all_gpu_types():
        rates = {item.kind: item.mb_per_s for item in load_choices(weights, instance, (), pods=pods)}
        assert rates["hub"] <= rates["bucket" if pods else "copied"], instance.name


@pytest.mark.parametrize("instance", ["g4dn.xlarge", "g6.xlarge", "g6e.2xlarge", "p5.48xlarge"])
def test_planned_hub_rates_are_those_that_are_compared(instance: str) -> None:
    found = instances.get(instance)
    assert found is not None
    on = Ec2(instance_type=instance, domain_name="chat.llm.example.com", certificate_arn=CERTIFICATE)
    model = Model(id="Qwen/Qwen3-1.7B")
    endpoint = Endpoint(name="chat", model=model, engine=VLLM(max_model_len=4096), on=on)
    platform = Platform(name="acme", region="us-east-1", endpoints=[endpoint])
    serving = plan_platform(platform).ec2[0].serving
    rates = {item.kind: item.mb_per_s for item in serving.startup.choices}
    assert serving.weights.kind == "hub"
    assert rates["hub"] == serving.weights.read_mb_per_s <= rates["copied"]


def test_kept_kernels_that_leave_more_for_the_cache_are_the_first_tip() -> None:
    """Qwen2.5 7B on one L4: its first start compiles on a copy of the embeddings, 1.02 GiB, which stays reserved."""
    first, *others = tips("g6.xlarge", model=Model(id="Qwen/Qwen2.5-7B-Instruct")).splitlines()
    assert "leave 1.8 GiB more for the cache: Endpoint(compile_cache=" in first
    assert len(others) <= 3


@pytest.mark.parametrize("example", ["quickstart", "tgi", "tensorrt-llm", "deepspeed"])
def test_an_engine_is_said_to_compile_and_capture_only_what_it_does(example: str) -> None:
    """Some engines compile nothing, and MII captures no graphs either."""
    work = {"vllm": {"compile", "graphs"}, "djl-lmi": {"compile", "graphs"}, "tgi": {"graphs"}, "trtllm": {"graphs"}}
    for endpoint in example_plan(example).endpoints:
        names = {phase.name for phase in endpoint.startup.phases}
        assert names & {"compile", "graphs"} == work.get(endpoint.engine, set())
        assert bool(endpoint.startup.kernels) == ("compile" in names)
