"""Queues in front of endpoints: how the consumer reaches the endpoint, and times that add up."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llminfra.catalog.batch_runner import runner_container
from llminfra.catalog.models import load_model
from llminfra.planning.plan.targets import AsyncPlan, WorkersPlan
from llminfra.planning.targets.async_checks import can_be_behind, check_answer_time, check_key, reaches_packages
from llminfra.spec.compute.ec2 import Ec2
from llminfra.spec.compute.gpu_pool import GpuPool
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
# boto3 and a body of some MiB; a function gets a full vCPU at 1,769 MiB, and this one waits.
_MEMORY_MIB = 512
CONSUMER_BACKOFF_S, _LONGEST_BACKOFF_S = 15, 900
"""What the consumer waits where nothing is said, and at most (modules/workloads/async_consumer/settings.py)."""
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
    endpoint, on = item.behind, item.behind.on
    if endpoint.broken or on.broken or not can_be_behind(item, platform, findings):
        return None
    workers = None
    url = f"https://{on.domain_name}" if isinstance(on, Ec2) else item.address
    if isinstance(on, GpuPool) and item.address is None:
        served = next((each for each in endpoints if each.name == endpoint.name), None)
        if served is None or not reaches_packages(item, network, findings):
            return None
        workers = _workers(item, served, _RECORDINGS_PER_POD if _hears(endpoint) else _REQUESTS_PER_POD)
        url = f"http://{served.name}.{served.namespace}.svc.cluster.local:{workers.port}"
    if url is None:
        check_answer_time(item, findings)
    check_key(item, url, findings, inside=workers is not None)
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
        return CONSUMER_BACKOFF_S
    wanted = wake_s * _WAKE_PATIENCE
    for first in range(CONSUMER_BACKOFF_S, _LONGEST_BACKOFF_S + 1, CONSUMER_BACKOFF_S):
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
