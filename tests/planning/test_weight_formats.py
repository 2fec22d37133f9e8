"""Formats of weights in a plan: refused where the GPU has no kernel, cut as they can be, told as the engine asks."""

import datetime as dt
from typing import Any

import pytest

from llminfra import VLLM, Endpoint, GpuPool, Model, OnDemand, Parallelism, Platform, Secret, SpecError
from llminfra.planning import plan_platform
from llminfra.planning.plan.endpoint import EndpointPlan

DAY = dt.date(2026, 11, 30)
INT4 = "RedHatAI/DeepSeek-R1-Distill-Llama-8B-quantized.w4a16"
BNB = "unsloth/Llama-3.3-70B-Instruct-bnb-4bit"


def planned(model: str, instance_type: str, *, version: str | None = None, **options: Any) -> EndpointPlan:
    pool = GpuPool(name="gpus", instance_types=[instance_type], nodes=(0, 2), capacity=OnDemand())
    engine = VLLM(max_model_len=8192, version=version) if version else VLLM(max_model_len=8192)
    served = Model(id=model, token=Secret(name="hf"))
    endpoint = Endpoint(name="a", model=served, engine=engine, on=pool, api_key=Secret(name="k"), **options)
    spec = Platform(name="p", region="us-east-1", pools=[pool], endpoints=[endpoint])
    return plan_platform(spec, today=DAY).endpoints[0]


def errors(model: str, instance_type: str, **options: Any) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        planned(model, instance_type, **options)
    return {item.code: item.path for item in caught.value.diagnostics if item.severity.name == "ERROR"}


def spread(model: str, instance_type: str, **options: Any) -> tuple[int, int]:
    chosen = planned(model, instance_type, **options).parallelism
    return chosen.tensor, chosen.pipeline


def test_a_format_without_a_kernel_stops_the_plan() -> None:
    assert errors(INT4, "g4dn.12xlarge", version="0.11.2") == {"LLM_FIT_58": "endpoints.a.model"}
    assert planned(INT4, "g4dn.12xlarge").engine_version


def test_a_model_that_falls_to_float32_takes_no_quantized_weights() -> None:
    found = errors("gaunernst/gemma-3-12b-it-int4-awq", "g4dn.12xlarge")
    assert found == {"LLM_FIT_59": "endpoints.a.model.dtype"}


def test_weights_that_bitsandbytes_stored_are_spread_in_stages() -> None:
    assert spread(BNB, "g6.12xlarge") == (1, 4)
    assert errors(BNB, "g6.12xlarge", parallelism=Parallelism(tensor=4)) == {"LLM_FIT_60": "endpoints.a.parallelism"}


def test_a_spread_leaves_tiles_whole_where_the_release_does_not_pad() -> None:
    tensor, _ = spread("zai-org/GLM-4.5-Air-FP8", "p4d.24xlarge", version="0.13.0")
    assert tensor == 1
    assert spread("zai-org/GLM-4.5-Air-FP8", "p4d.24xlarge", version="0.27.1") == (4, 1)


def test_a_method_that_goes_is_asked_for_by_name() -> None:
    args = planned("meta-llama/Llama-3.1-405B-Instruct-FP8", "p5.48xlarge").invocation.args
    assert "--allow-deprecated-quantization" in args
