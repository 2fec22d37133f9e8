"""Where a pre-flight makes sense, and that a release installs it."""

import datetime as dt
import json
from pathlib import Path

import pytest

from llminfra import VLLM, Autoscaling, CapacityBlock, Endpoint, GpuPool, Model, Platform, SpecError
from llminfra.compiler import compile_platforms
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan

DAY = dt.date(2026, 11, 23)
BLOCK = CapacityBlock(reservation_id="cr-0123456789abcdef0")
TWO = GpuPool(name="h100", instance_types=["p5.48xlarge"], nodes=(2, 2), efa=True, capacity=BLOCK, zones=["us-east-1a"])
ONE = GpuPool(name="l40s", instance_types=["g6e.2xlarge"], nodes=(1, 2))


def plan(pool: GpuPool, model: str, **changes: object) -> Plan:
    fields = {"preflight": True, **changes}
    endpoint = Endpoint(name="chat", model=Model(id=model), engine=VLLM(max_model_len=8192), on=pool, **fields)
    return plan_platform(Platform(name="p", region="us-east-1", pools=[pool], endpoints=[endpoint]), today=DAY)


def releases(planned: Plan, folder: Path) -> dict[str, dict[str, object]]:
    compile_platforms([planned], folder)
    found = json.loads((folder / "stacks/p-serving/cdk.tf.json").read_text())["resource"]["helm_release"]
    assert isinstance(found, dict)
    return found


def test_a_replica_over_two_nodes_has_one(tmp_path: Path) -> None:
    planned = plan(TWO, "deepseek-ai/DeepSeek-R1")
    assert planned.endpoints[0].nodes == 2
    assert "LLM_FIT_41" not in {item.code for item in planned.diagnostics}
    text = json.dumps(releases(planned, tmp_path / "out")["chat-nccl"]).replace("\\", "")
    assert "FI_PROVIDER" in text
    assert "nccl-preflight" in text
    assert not any(
        name.endswith("-nccl")
        for name in releases(plan(TWO, "deepseek-ai/DeepSeek-R1", preflight=False), tmp_path / "no")
    )


def test_on_one_node_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    planned = plan(ONE, "Qwen/Qwen3-8B")
    assert "LLM_FIT_41" in {item.code for item in planned.diagnostics}
    assert "chat-nccl" not in releases(planned, tmp_path / "out")


def test_an_endpoint_that_nothing_could_wake_is_refused_with_its_code(tmp_path: Path) -> None:
    planned = plan(ONE, "Qwen/Qwen3-8B", preflight=False, replicas=Autoscaling(min=0, max=2))
    with pytest.raises(SpecError) as caught:
        compile_platforms([planned], tmp_path / "out")
    (found,) = caught.value.diagnostics
    assert (found.code, found.file) == ("LLM_SRV_69", __file__)
