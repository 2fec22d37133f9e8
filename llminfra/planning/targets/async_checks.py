"""What stands against a queue in front of an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.spec.compute.gpu_pool import GpuPool
from llminfra.spec.compute.sagemaker import SageMakerAsync

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.infrastructure import NetworkPlan
    from llminfra.spec.platform import Platform
    from llminfra.spec.services.async_endpoint import AsyncEndpoint

# Amazon SageMaker AI API Reference, InvokeEndpoint: a container must answer within 60 seconds.
SAGEMAKER_ANSWER_S = 60
SECRET_KEY = "api_key"  # noqa: S105  # the name of a key, no secret
"""Key of a JSON secret under which the workloads look for an API key."""


def can_be_behind(item: AsyncEndpoint, platform: Platform, findings: Findings) -> bool:
    """Whether a queue can stand in front of the endpoint, with a finding where it cannot."""
    path = f"async_endpoints.{item.name}"
    endpoint, on = item.behind, item.behind.on
    if not any(endpoint is other or endpoint == other for other in platform.workloads):
        names = ", ".join(other.name for other in platform.workloads)
        findings.error(
            "LLM_ASY_1",
            item,
            f"{path}.behind",
            "the queue stands in front of an endpoint that is not part of this platform",
            found=f"endpoint {endpoint.name!r}",
            expected=f"one of: {names}" if names else "an endpoint of the same platform",
            fix=f"add the endpoint to Platform(endpoints=[…]) of {platform.name!r}",
        )
        return False
    if isinstance(on, SageMakerAsync):
        findings.error(
            "LLM_ASY_3",
            item,
            f"{path}.behind",
            "SageMakerAsync has a queue of its own, with results in S3 and notices by SNS",
            found=f"endpoint {endpoint.name!r} on SageMakerAsync",
            expected="an endpoint on Ec2, SageMaker or a GpuPool",
            fix="send requests to the endpoint itself by InvokeEndpointAsync, or put it on SageMaker(…)",
        )
        return False
    if isinstance(on, GpuPool) and item.address is None and endpoint.disaggregation is not None:
        findings.error(
            "LLM_DIST_17",
            item,
            f"{path}.behind",
            "workers of a queue call the pods of an endpoint, and this one is reached by its router alone",
            found=f"endpoint {endpoint.name!r} with disaggregation",
            expected="an endpoint whose pods do both",
            fix="put the queue in front of an endpoint without disaggregation",
        )
        return False
    if not isinstance(on, GpuPool) and item.address is not None:
        findings.error(
            "LLM_ASY_4",
            item,
            f"{path}.address",
            "the endpoint has an address of its own, which the consumer finds itself",
            found=item.address,
            expected="no address",
            fix="remove address=…",
        )
        return False
    return True


def reaches_packages(item: AsyncEndpoint, network: NetworkPlan, findings: Findings) -> bool:
    """Whether pods find boto3, with a finding where they do not."""
    if item.worker_image is not None or network.nat != "none" or network.existing_vpc_id is not None:
        return True
    if not network.there:  # refused, and told as that: what it would have is not known
        return True
    findings.error(
        "LLM_ASY_8",
        item,
        f"async_endpoints.{item.name}.worker_image",
        "pods install boto3 from PyPI when they start, and this network has no way there",
        found="nat='none' and no worker_image",
        expected="an image with Python 3.11 and boto3 in ECR of the region",
        fix="set worker_image=Image(…)",
    )
    return False


def check_key(item: AsyncEndpoint, url: str | None, findings: Findings, *, inside: bool) -> None:
    """The API key that the consumer sends.

    Args:
        item: The queue.
        url: Where the consumer calls; ``None``: SageMaker, which takes no key.
        findings: Takes what is wrong.
        inside: Whether pods of the cluster call, where network policies say who is on the way.
    """
    path, endpoint = f"async_endpoints.{item.name}", item.behind
    if not inside and url is not None and url.startswith("http://") and endpoint.api_key is not None:
        findings.error(
            "LLM_ASY_6",
            item,
            f"{path}.address",
            "the API key would go over the network in plain text",
            found=url,
            expected="https://…",
            fix="terminate TLS at the load balancer",
        )
    if endpoint.api_key is not None and endpoint.api_key.key not in {None, SECRET_KEY}:
        findings.error(
            "LLM_ASY_7",
            item,
            f"{path}.behind",
            "the consumer reads the whole secret as the API key, or one key of a JSON secret",
            found=f"key {endpoint.api_key.key!r} of {endpoint.api_key.name}",
            expected=f"no key, or {SECRET_KEY!r}",
            fix=f"store the API key under {SECRET_KEY!r}",
        )


def check_answer_time(item: AsyncEndpoint, findings: Findings) -> None:
    """A request to SageMaker that may take longer than it waits."""
    if item.request_timeout_s > SAGEMAKER_ANSWER_S:
        findings.error(
            "LLM_ASY_5",
            item,
            f"async_endpoints.{item.name}.request_timeout_s",
            "a SageMaker real-time endpoint must answer within a minute",
            found=f"{item.request_timeout_s} s",
            expected=f"at most {SAGEMAKER_ANSWER_S}",
            fix=f"set request_timeout_s={SAGEMAKER_ANSWER_S}; for longer answers use SageMakerAsync or Ec2",
            runtime_message="ModelError: Your invocation timed out while waiting for a response from container",
        )
