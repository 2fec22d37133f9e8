"""Names that two objects of a platform would give to one thing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llminfra import (
    VLLM,
    AsyncEndpoint,
    Autoscaling,
    Disaggregation,
    Ec2,
    Endpoint,
    Gateway,
    GpuPool,
    Model,
    ModelBucket,
    Oidc,
    Platform,
    SageMaker,
    Secret,
    Spot,
    plan_platform,
)
from llminfra.compiler.compile import compile_platforms
from llminfra.compiler.own_names import check_names
from llminfra.diagnostics import SpecError

CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/11111111-2222-3333-4444-555555555555"
WEIGHTS = ModelBucket(name="acme-weights")
L4 = GpuPool(name="l4", instance_types=["g6.12xlarge"], nodes=(0, 2))
H100 = GpuPool(name="h100", instance_types=["p5.48xlarge"], nodes=(2, 2), efa=True, zones=["us-east-1a"])


def endpoint(name: str, on: Any = L4, **fields: Any) -> Endpoint:
    """An endpoint of a small model."""
    return Endpoint(
        name=name, model=Model(id="Qwen/Qwen3-4B"), engine=VLLM(max_model_len=4096), on=on, weights=WEIGHTS, **fields
    )


def on_ec2(name: str, place: int) -> Endpoint:
    """An endpoint on spot instances, with a second group on demand."""
    ec2 = Ec2(
        instance_type="g6.12xlarge",
        domain_name=f"e{place}.llm.example.com",
        certificate_arn=CERTIFICATE,
        capacity=Spot(),
    )
    return endpoint(name, ec2, api_key=Secret(name="acme/key"), replicas=Autoscaling(min=1, max=2))


def platform(*added: Endpoint | Gateway | AsyncEndpoint) -> Platform:
    """A platform with two pools."""
    made = Platform(name="acme", region="us-east-1", pools=[L4, H100], storage=[WEIGHTS], account_id="111122223333")
    for item in added:
        made.add(item)
    return made


def behind_gateway() -> tuple[Endpoint | Gateway, ...]:
    """A gateway and its endpoint."""
    oidc = Oidc(issuer="https://login.example.com", audiences=["llm"], jwks_uri="https://login.example.com/jwks")
    chat = endpoint("chat")
    gateway = Gateway(
        name="front", hostname="llm.example.com", certificate_arn=CERTIFICATE, endpoints=[chat], oidc=oidc
    )
    return chat, gateway


def queue() -> tuple[Endpoint | AsyncEndpoint, ...]:
    """A queue and its endpoint."""
    chat = endpoint("chat")
    return chat, AsyncEndpoint(name="later", behind=chat)


@pytest.mark.parametrize(
    ("others", "name", "what"),
    [
        (lambda: (endpoint("chat", H100, disaggregation=Disaggregation()),), "chat-prefill", "prefill role"),
        (lambda: (endpoint("chat", H100, disaggregation=Disaggregation()),), "chat-router", "router"),
        (lambda: (endpoint("chat", H100, preflight=True),), "chat-nccl", "preflight job"),
        (behind_gateway, "gateway-front", "proxy of gateway 'front'"),
        (behind_gateway, "chat-picker", "picker of endpoint 'chat'"),
        (queue, "async-later", "consumer of queue 'later'"),
    ],
)
def test_a_name_that_pods_beside_have_is_refused(
    others: Callable[[], tuple[Endpoint | Gateway | AsyncEndpoint, ...]], name: str, what: str
) -> None:
    with pytest.raises(SpecError) as caught:
        plan_platform(platform(*others(), endpoint(name)))
    (found,) = [item for item in caught.value.diagnostics if item.code == "LLM_SPEC_4"]
    assert found.path == f"endpoints.{name}"
    assert what in found.message


def test_an_endpoint_without_pods_may_have_such_a_name() -> None:
    on_sagemaker = endpoint("async-later", SageMaker(instance_type="ml.g6.xlarge"))
    assert plan_platform(platform(*queue(), on_sagemaker)).ok


def test_one_resource_of_two_endpoints_is_told_with_both(tmp_path: Path) -> None:
    """The group of spare instances of one endpoint is called as the group of the other."""
    plan = plan_platform(platform(on_ec2("chat", 0), on_ec2("chat-standby", 1)))
    with pytest.raises(SpecError) as caught:
        compile_platforms([plan], tmp_path / "out")
    (found,) = caught.value.diagnostics
    assert (found.code, found.path) == ("LLM_SPEC_4", "endpoints.chat-standby")
    assert "endpoints.chat needs" in found.message
    assert found.file == __file__
    assert not (tmp_path / "out").exists()


def test_one_name_in_two_stacks_is_told(tmp_path: Path) -> None:
    """The security group of callers in the EC2 stack is called as that of an endpoint in the SageMaker stack."""
    other = endpoint("chat-callers", SageMaker(instance_type="ml.g6.12xlarge"))
    plan = plan_platform(platform(on_ec2("chat", 0), other))
    with pytest.raises(SpecError) as caught:
        compile_platforms([plan], tmp_path / "out")
    (found,) = caught.value.diagnostics
    assert (found.path, found.found) == ("endpoints.chat-callers", "aws_security_group acme-chat-callers")


def test_names_that_terraform_finds_are_not_compared() -> None:
    def document(name: str, path: str) -> dict[str, Any]:
        body = {"name": name, "//": {"llminfra": {"spec_path": path}}}
        return {"resource": {"aws_security_group": {"x": body}, "aws_unknown": {"x": body}}}

    check_names({"a": document("${var.name}", "endpoints.a"), "b": document("${var.name}", "endpoints.b")})
    check_names({"a": document("x", "endpoints.a"), "b": document("x", "endpoints.a")})
    with pytest.raises(SpecError, match=r"endpoints\.b"):
        check_names({"a": document("x", "endpoints.a"), "b": document("x", "endpoints.b")})
