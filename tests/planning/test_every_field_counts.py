"""No field is a wish that nobody hears: each one changes the plan or leaves a finding, for every engine and target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from llminfra import (
    TGI,
    VLLM,
    Autoscaling,
    CustomMetrics,
    CustomServer,
    DeepSpeedMII,
    Diagnostic,
    DJLServing,
    Ec2,
    Endpoint,
    GpuPool,
    HttpProbe,
    Image,
    LoraAdapter,
    Model,
    ModelBucket,
    Parallelism,
    Platform,
    SageMaker,
    SageMakerAsync,
    Secret,
    SGLang,
    Slo,
    SpecError,
    TensorRTLLM,
)
from llminfra.planning.platform import plan_platform
from llminfra.rules.plan_rules import plan_rules
from llminfra.rules.run import run_plan

ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com/acme"
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
OWN = {"image": Image(repository=ECR, tag="1")}
LENGTH = {"max_model_len": 4096}
ENGINES: dict[str, tuple[Any, dict[str, Any]]] = {
    "vllm": (VLLM, LENGTH),
    "sglang": (SGLang, LENGTH),
    "tgi": (TGI, LENGTH),
    "trtllm": (TensorRTLLM, LENGTH | OWN),
    "mii": (DeepSpeedMII, LENGTH | OWN),
    "djl-lmi": (DJLServing, LENGTH),
    "custom": (CustomServer, OWN | {"command": ["serve"], "port": 8000}),
}
POOL = GpuPool(name="gpu", instance_types=["p5.48xlarge"], nodes=(0, 2), zones=["us-east-1b"])
TARGETS: dict[str, Any] = {
    "pool": POOL,
    "ec2": Ec2(instance_type="p5.48xlarge", domain_name="a.example.com", certificate_arn=CERTIFICATE),
    "sagemaker": SageMaker(instance_type="ml.p5.48xlarge"),
    "sagemaker-async": SageMakerAsync(instance_type="ml.p5.48xlarge", output="s3://acme-answers/a"),
}
BUCKET, OTHER = ModelBucket(name="acme-w"), ModelBucket(name="acme-other")

# Another value of each field; what is not here is looked for below.
ENGINE_FIELDS: dict[str, Any] = {
    "image": Image(repository=ECR, tag="2"),
    "max_model_len": 2048,
    "max_num_seqs": 64,
    "max_num_batched_tokens": 4096,
    "gpu_memory_utilization": 0.8,
    "kv_cache_dtype": "fp8",
    "prefix_caching": False,
    "enforce_eager": True,
    "env": {"FOO": "1"},
    "extra_args": ["--seed=1"],
    "args": ["--fast"],
    "command": ["other"],
    "port": 9000,
    "metrics": CustomMetrics(waiting="queue"),
    "language_model_only": True,
    "limit_mm_per_prompt": {"image": 1},
    "distributed_executor_backend": "ray",
    "all2all_backend": "allgather_reducescatter",
    "ready": HttpProbe(path="/up"),
    "live": HttpProbe(path="/up"),
    "drain_s": 33,
    "run_as_user": 4711,
}
ENDPOINT_FIELDS: dict[str, Any] = {
    "task": "embed",
    "replicas": Autoscaling(min=1, max=3),
    "parallelism": Parallelism(tensor=2),
    "weights": OTHER,
    "compile_cache": OTHER,
    "concurrency": 7,
    "slo": Slo(time_to_first_token_ms=3000),
    "served_name": "other",
    "api_key": Secret(name="acme/key"),
    "adapters": [LoraAdapter(name="support", bucket=BUCKET, key="adapters/support", rank=16)],
    "adapters_on_gpu": 2,
    "preflight": True,
    "allow_from_namespaces": ["web"],
}
MODEL_FIELDS: dict[str, Any] = {
    "revision": "a" * 40,
    "quantization": "fp8",
    "dtype": "float16",
    "token": Secret(name="acme/hf"),
    "trust_remote_code": True,
}


def decided(engine: Any, on: Any, model: Mapping[str, Any], fields: Mapping[str, Any]) -> tuple[Any, set[Any]]:
    """What the plan holds beside the spec itself, and what it says."""
    given = {"name": "a", "model": Model(**{"id": "Qwen/Qwen3-8B", **model}), "engine": engine, "on": on}
    endpoint = Endpoint(**given, **{"weights": BUCKET, **fields})
    spec = Platform(
        name="acme", region="us-east-1", storage=[BUCKET, OTHER], pools=[POOL], endpoints=[endpoint], cluster={}
    )
    try:
        plan = plan_platform(spec)
    except SpecError as error:
        return None, said(error.diagnostics)
    return without_spec(msgspec.to_builtins(plan, enc_hook=repr)), said(
        (*plan.diagnostics, *run_plan(plan, plan_rules()))
    )


def said(findings: Any) -> set[tuple[str, str]]:
    found: list[Diagnostic] = list(findings)
    return {(item.code, item.path) for item in found}


def without_spec(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_spec(v) for k, v in value.items() if k not in ("spec", "platform", "diagnostics")}
    return [without_spec(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", ENGINES)
def test_every_field_changes_the_plan_or_is_told(kind: str, target: str) -> None:
    make, required = ENGINES[kind]
    on = TARGETS[target]
    usual = decided(make(**required), on, {}, {})
    other = {
        f"engine.{name}": decided(make(**required | {name: ENGINE_FIELDS[name]}), on, {}, {})
        for name in sorted(ENGINE_FIELDS.keys() & make.model_fields.keys())
    }
    other |= {f"model.{k}": decided(make(**required), on, {k: v}, {}) for k, v in MODEL_FIELDS.items()}
    other |= {k: decided(make(**required), on, {}, {k: v}) for k, v in ENDPOINT_FIELDS.items()}
    assert len(other) > 20
    assert [name for name, found in other.items() if found == usual] == []


def test_no_field_is_left_out_of_the_look() -> None:
    """New fields are looked at, too; those left out have tests of their own, or are what is varied here."""
    apart = {"kind", "version", "broken", "name", "engine", "on", "model", "disaggregation", "overflow", "id", "config"}
    for make, _ in ENGINES.values():
        assert set(make.model_fields) - ENGINE_FIELDS.keys() - apart == set()
    assert set(Endpoint.model_fields) - ENDPOINT_FIELDS.keys() - apart == set()
    assert set(Model.model_fields) - MODEL_FIELDS.keys() - apart == set()
