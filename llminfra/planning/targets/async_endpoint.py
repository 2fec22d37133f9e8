"""Queues in front of endpoints: whether the consumer can reach the endpoint, and times that add up."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llminfra.catalog.batch_runner import runner_container
from llminfra.catalog.models import load_model
from llminfra.planning.plan.targets import AsyncPlan, WorkersPlan
from llminfra.spec.compute.ec2 import Ec2
from llminfra.spec.compute.gpu_pool import GpuPool
from llminfra.spec.compute.sagemaker import SageMakerAsync
from llminfra.spec.engines.base import Image

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.planning.plan.infrastructure import NetworkPlan
    from llminfra.planning.plan.serving import ServingPlan
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.platform import Platform
    from llminfra.spec.services.async_endpoint import AsyncEndpoint

# Import of boto3, the claim, the write of the answer and its notice come on top of the request.
_FUNCTION_MARGIN_S = 60
# AWS Lambda Developer Guide, "Using Lambda with Amazon SQS": at least six times the function's timeout.
_VISIBILITY_FACTOR = 6
# Amazon SageMaker AI API Reference, InvokeEndpoint: a container must answer within 60 seconds.
SAGEMAKER_ANSWER_S = 60
# boto3 and a body of some MiB; a function gets a full vCPU at 1,769 MiB, and this one waits.
_MEMORY_MIB = 512
# modules/workloads/async_consumer/settings.py: backoff_s and backoff_max_s.
_BACKOFF_S, _LONGEST_BACKOFF_S = 15, 900
_WAKE_PATIENCE = 1.5
# A worker waits for the endpoint on as many threads; more requests need more pods.
_REQUESTS_PER_POD = 16
# A recording is held twice, as it is read and in its form: four fit the worker's 512 MiB.
_RECORDINGS_PER_POD = 4
# vllm-project/vllm vllm/envs.py (0.10.0 to 0.26.0): VLLM_MAX_AUDIO_CLIP_FILESIZE_MB = 25.
_RECORDING_MIB = 25
# modules/workloads/async_consumer/settings.py: call_attempts, and time for the answer in S3.
_CALLS_PER_MESSAGE = 2
_WORKER_MARGIN_S = 20
SECRET_KEY = "api_key"  # noqa: S105  # the name of a key, no secret
"""Key of a JSON secret under which the workloads look for an API key."""


def plan_async(
    platform: Platform,
    network: NetworkPlan,
    endpoints: tuple[EndpointPlan, ...],
    outside: tuple[ServingPlan, ...],
    findings: Findings,
) -> tuple[AsyncPlan, ...]:
    """Plan every queue that can be planned; the others leave findings.

    Args:
        platform: The spec.
        network: Its network: pods install packages over it.
        endpoints: The endpoints of the cluster, planned.
        outside: Those outside the cluster; the first calls of one that goes to zero fail.
        findings: Takes what is wrong.
    """
    planned = [
        _plan(item, platform, network, endpoints, outside, findings)
        for item in platform.async_endpoints
        if not item.broken
    ]
    return tuple(item for item in planned if item is not None)


def _hears(endpoint: Endpoint) -> bool:
    facts = load_model(endpoint.model.id)
    return facts is not None and facts.hears


def _plan(
    item: AsyncEndpoint,
    platform: Platform,
    network: NetworkPlan,
    endpoints: tuple[EndpointPlan, ...],
    outside: tuple[ServingPlan, ...],
    findings: Findings,
) -> AsyncPlan | None:
    path = f"async_endpoints.{item.name}"
    endpoint = item.behind
    if endpoint.broken or endpoint.on.broken:
        return None
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
        return None
    on = endpoint.on
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
        return None
    workers = None
    url = f"https://{on.domain_name}" if isinstance(on, Ec2) else item.address
    if isinstance(on, GpuPool) and item.address is None:
        if endpoint.disaggregation is not None:
            findings.error(
                "LLM_DIST_17",
                item,
                f"{path}.behind",
                "workers of a queue call the pods of an endpoint, and this one is reached by its router alone",
                found=f"endpoint {endpoint.name!r} with disaggregation",
                expected="an endpoint whose pods do both",
                fix="put the queue in front of an endpoint without disaggregation",
            )
            return None
        served = next((each for each in endpoints if each.name == endpoint.name), None)
        if served is None or not _reaches_packages(item, network, findings):
            return None
        workers = _workers(item, served, _RECORDINGS_PER_POD if _hears(endpoint) else _REQUESTS_PER_POD)
        url = f"http://{served.name}.{served.namespace}.svc.cluster.local:{workers.port}"
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
        return None
    _check_times(item, path, sagemaker=url is None, findings=findings)
    # Inside the cluster, network policies say who is on the way.
    if workers is None and url is not None and url.startswith("http://") and endpoint.api_key is not None:
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
    asleep = (each for each in outside if each.name == endpoint.name and each.min_replicas == 0)
    backoff_s = _backoff_s(item, next((each.startup.estimate_s for each in asleep), None), findings)
    if backoff_s is None:
        return None
    answered = {each.name: each.served_name for each in (*endpoints, *outside)}
    parts = urlsplit(url or "https://sagemaker")
    function_timeout_s = item.request_timeout_s + _FUNCTION_MARGIN_S
    return AsyncPlan(
        name=item.name,
        spec=item,
        behind=endpoint.name,
        served_name=answered.get(endpoint.name, endpoint.model.id),
        calls="sagemaker" if url is None else "http",
        url=url,
        port=parts.port or (80 if parts.scheme == "http" else 443),
        api_key_secret=endpoint.api_key.name if endpoint.api_key else None,
        function_timeout_s=function_timeout_s,
        visibility_s=_VISIBILITY_FACTOR * function_timeout_s,
        memory_mib=_MEMORY_MIB,
        workers=workers,
        backoff_s=backoff_s,
        max_body_mib=_RECORDING_MIB if _hears(endpoint) else None,
    )


def _backoff_s(item: AsyncEndpoint, wake_s: float | None, findings: Findings) -> int | None:
    """First pause between attempts, doubled each time; all of them together outlast the start of the endpoint."""
    if wake_s is None:
        return _BACKOFF_S
    wanted = wake_s * _WAKE_PATIENCE
    for first in range(_BACKOFF_S, _LONGEST_BACKOFF_S + 1, _BACKOFF_S):
        if sum(min(first * 2**index, _LONGEST_BACKOFF_S) for index in range(item.attempts - 1)) >= wanted:
            return first
    findings.error(
        "LLM_ASY_9",
        item,
        f"async_endpoints.{item.name}.attempts",
        "the endpoint may be at zero, and requests would be in the dead-letter queue before it has started",
        found=f"{item.attempts} attempts; a new instance takes about {wake_s:,.0f} s to start",
        expected=f"{2 + int(wanted // _LONGEST_BACKOFF_S)} attempts or more",
        fix=f"set attempts={2 + int(wanted // _LONGEST_BACKOFF_S)}, or Autoscaling(min=1, …) of the endpoint",
    )
    return None


def _workers(item: AsyncEndpoint, served: EndpointPlan, per_pod: int) -> WorkersPlan:
    """As few pods as hold the requests, and never more requests in all than the spec says."""
    most = -(-item.max_concurrency // per_pod)
    image = item.worker_image
    if image is None:
        repository, _, tag = runner_container().image.rpartition(":")
        image = Image(repository=repository, tag=tag)
    return WorkersPlan(
        namespace=served.namespace,
        image=image,
        most=most,
        concurrency=item.max_concurrency // most,
        port=served.invocation.port,
        health_path=served.invocation.readiness.path or "/health",
        drain_s=_CALLS_PER_MESSAGE * item.request_timeout_s + _WORKER_MARGIN_S,
    )


def _reaches_packages(item: AsyncEndpoint, network: NetworkPlan, findings: Findings) -> bool:
    if item.worker_image is not None or network.nat != "none" or network.existing_vpc_id is not None:
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


def _check_times(item: AsyncEndpoint, path: str, *, sagemaker: bool, findings: Findings) -> None:
    if sagemaker and item.request_timeout_s > SAGEMAKER_ANSWER_S:
        findings.error(
            "LLM_ASY_5",
            item,
            f"{path}.request_timeout_s",
            "a SageMaker real-time endpoint must answer within a minute",
            found=f"{item.request_timeout_s} s",
            expected=f"at most {SAGEMAKER_ANSWER_S}",
            fix=f"set request_timeout_s={SAGEMAKER_ANSWER_S}; for longer answers use SageMakerAsync or Ec2",
            runtime_message="ModelError: Your invocation timed out while waiting for a response from container",
        )
