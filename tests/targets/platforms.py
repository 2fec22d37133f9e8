"""Platforms with queues, batch jobs and Bedrock, as small as they can be."""

from __future__ import annotations

import datetime as dt
from typing import Any

from llminfra import (
    VLLM,
    AsyncEndpoint,
    BatchInference,
    BatchQueue,
    Bedrock,
    BedrockModel,
    Ec2,
    Endpoint,
    GpuPool,
    Model,
    ModelBucket,
    Platform,
    SageMaker,
    Secret,
)
from llminfra.diagnostics import Diagnostic, SpecError
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan

TODAY = dt.date(2026, 11, 23)
MODEL = Model(id="Qwen/Qwen3-8B")
BUCKET = ModelBucket(name="acme-weights")
EC2 = Ec2(
    instance_type="g6e.2xlarge",
    domain_name="chat.llm.example.com",
    certificate_arn="arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
)
SAGEMAKER = SageMaker(instance_type="ml.g6e.2xlarge")
POOL = GpuPool(name="l40s", instance_types=["g6e.2xlarge"], nodes=(0, 2))
SONNET = BedrockModel(name="sonnet", id="anthropic.claude-sonnet-4-5-20250929-v1:0")
MICRO = BedrockModel(name="micro", id="amazon.nova-micro-v1:0", routing="region")


def endpoint(on: Ec2 | SageMaker | GpuPool = EC2, **fields: Any) -> Endpoint:
    return Endpoint(**{"name": "chat", "model": MODEL, "engine": VLLM(max_model_len=8_192), "on": on, **fields})


def queue(behind: Endpoint, **fields: Any) -> AsyncEndpoint:
    return AsyncEndpoint(**{"name": "documents", "behind": behind, **fields})


def batch(**fields: Any) -> BatchInference:
    given = {
        "name": "nightly",
        "model": MODEL,
        "engine": VLLM(max_model_len=8_192),
        "input": "s3://acme-batch/requests/",
        "output": "s3://acme-batch/answers/",
        "on": BatchQueue(instance_types=["g6e.2xlarge"], max_instances=2),
        "jobs": 2,
    }
    return BatchInference(**given | fields)


def platform(**fields: Any) -> Platform:
    return Platform(
        **{"name": "acme", "region": "us-east-1", "storage": [BUCKET], "account_id": "111122223333"} | fields
    )


def plan(**fields: Any) -> Plan:
    return plan_platform(platform(**fields), today=TODAY)


def async_plan(behind: Endpoint | None = None, **fields: Any) -> Plan:
    behind = behind or endpoint(api_key=Secret(name="llm/chat"))
    pools = [behind.on] if isinstance(behind.on, GpuPool) else []
    return plan(endpoints=[behind], pools=pools, async_endpoints=[queue(behind, **fields)])


def bedrock_plan(**fields: Any) -> Plan:
    return plan(bedrock=Bedrock(**{"models": [SONNET, MICRO], **fields}), storage=[])


def findings(**fields: Any) -> list[Diagnostic]:
    """What planning finds, errors or not."""
    try:
        return list(plan(**fields).diagnostics)
    except SpecError as error:
        return list(error.diagnostics)


def codes(**fields: Any) -> set[str]:
    return {item.code for item in findings(**fields)}
