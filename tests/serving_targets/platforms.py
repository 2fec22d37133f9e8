"""One model on every target, and nothing else that differs."""

from __future__ import annotations

import datetime as dt
from typing import Any

from llminfra import (
    VLLM,
    Ec2,
    Endpoint,
    GpuPool,
    Model,
    ModelBucket,
    Platform,
    SageMaker,
    SageMakerAsync,
    SpecError,
)
from llminfra.diagnostics import Diagnostic
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan

TODAY = dt.date(2026, 11, 23)
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
BUCKET = ModelBucket(name="acme-weights")
POOL = GpuPool(name="l40s", instance_types=["g6e.2xlarge"], nodes=(0, 4))


def ec2(**changes: Any) -> Ec2:
    fields = {
        "instance_type": "g6e.2xlarge",
        "domain_name": "chat.llm.example.com",
        "certificate_arn": CERTIFICATE,
    }
    return Ec2(**{**fields, **changes})


TARGETS = {
    "eks": POOL,
    "ec2": ec2(),
    "sagemaker": SageMaker(instance_type="ml.g6e.2xlarge"),
    "sagemaker-async": SageMakerAsync(instance_type="ml.g6e.2xlarge", output="s3://acme-answers/chat"),
}


def endpoint(on: Any, **changes: Any) -> Endpoint:
    fields = {
        "name": "chat",
        "model": Model(id="Qwen/Qwen3-8B"),
        "engine": VLLM(max_model_len=16_384),
        "on": on,
    }
    return Endpoint(**{**fields, **changes})


def platform(*endpoints: Endpoint, **changes: Any) -> Platform:
    pools = [POOL] if any(item.on is POOL for item in endpoints) else []
    fields = {"name": "acme", "region": "us-east-1", "storage": [BUCKET], "pools": pools, "endpoints": list(endpoints)}
    return Platform(**{**fields, **changes})


def plan(*endpoints: Endpoint, **changes: Any) -> Plan:
    return plan_platform(platform(*endpoints, **changes), today=TODAY)


def findings(*endpoints: Endpoint, **changes: Any) -> list[Diagnostic]:
    """Everything that planning has to say, whether it fails or not."""
    try:
        return list(plan(*endpoints, **changes).diagnostics)
    except SpecError as error:
        return list(error.diagnostics)
