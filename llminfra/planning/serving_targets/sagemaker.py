"""Endpoints on SageMaker: image by region, the container's variables, time-outs, host image, isolation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from llminfra.catalog import engines, prices, sagemaker
from llminfra.planning.plan.serving import SageMakerEndpointPlan, ServingPlan
from llminfra.planning.serving.serving import plan_serving
from llminfra.planning.serving.site import Site
from llminfra.planning.serving_targets.machines import machine, one_machine, report_idle_gpus, whole_instance, zones_of
from llminfra.planning.serving_targets.sagemaker_environment import container_environment
from llminfra.spec.compute.sagemaker import SageMaker, SageMakerAsync
from llminfra.spec.endpoint import Slo

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.infrastructure import NetworkPlan
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.platform import Platform

_WEIGHTS_MARGIN = 1.2
_VOLUME_BASE_GIB = 64
_FEWEST_PLACES = 4

_LARGER = "use a larger instance type or quantize; or Ec2(…) or a GpuPool with efa=True, which span instances"


def plan_sagemaker(platform: Platform, network: NetworkPlan, findings: Findings) -> tuple[SageMakerEndpointPlan, ...]:
    """Plan every endpoint on SageMaker that can be planned; the others leave findings."""
    planned = [
        _plan(endpoint, endpoint.on, platform, network, findings)
        for endpoint in platform.workloads
        if not endpoint.broken
        and isinstance(endpoint.on, SageMaker | SageMakerAsync)
        and not (endpoint.on.broken or endpoint.model.broken or endpoint.engine.broken)
    ]
    return tuple(item for item in planned if item is not None)


def _plan(
    endpoint: Endpoint, on: SageMaker | SageMakerAsync, platform: Platform, network: NetworkPlan, findings: Findings
) -> SageMakerEndpointPlan | None:
    price = prices.hosting_usd_per_hour(on.instance_type, platform.region)
    pool = machine(endpoint, on.instance_type, platform, findings, usd_per_hour=price.usd if price else None)
    zones = zones_of(endpoint, tuple(on.zones), platform, network, findings)
    if pool is None or zones is None or not one_machine(endpoint, pool, findings, fix=_LARGER):
        return None
    path = f"endpoints.{endpoint.name}"
    if not sagemaker.hosts(pool.main_type.name):
        findings.warning(
            "LLM_CAP_44",
            on,
            f"{path}.on.instance_type",
            "SageMaker was not known to host on this type when the catalog was made",
            found=on.instance_type,
            expected="g4dn, g5, g6, g6e, p4d, p5 or another family of the catalog",
            fix="check the instance types of SageMaker hosting in your region",
        )
    serving = plan_serving(endpoint, Site(pool=pool, platform=platform, lustre=(), place="sagemaker"), findings)
    if serving is None:
        return None
    image = _image(endpoint, serving, platform.region, findings)
    if image is None:
        return None
    report_idle_gpus(endpoint, pool, serving, findings)
    _check_secrets(endpoint, serving, findings)
    if pool.raid0 and on.kms_key_arn is not None:
        findings.warning(
            "LLM_SPEC_8",
            on,
            f"{path}.on.kms_key_arn",
            f"instances of {on.instance_type} encrypt their local NVMe themselves, and have no other volume",
            found="kms_key_arn is set",
            expected="kms_key_arn on a type without local NVMe",
            fix="leave kms_key_arn out",
        )
    uri, cuda_major = image
    copied = serving.weights.kind == "copied"
    # A component's container is isolated by the endpoint configuration, where the provider has no argument for it.
    to_zero = isinstance(on, SageMaker) and serving.min_replicas == 0
    weights_gib = serving.weights.bytes_total / 2**30
    return SageMakerEndpointPlan(
        serving=whole_instance(serving, pool),
        on=on,
        image_uri=uri,
        environment=container_environment(endpoint, serving),
        zones=zones,
        inference_ami_version=on.inference_ami_version
        or (sagemaker.inference_ami(cuda_major) if cuda_major is not None else None),
        network_isolation=copied and not to_zero,
        to_zero=to_zero,
        startup_timeout_s=_within("startup_timeout_s", serving.startup.budget_s),
        download_timeout_s=_download_timeout() if copied else None,
        concurrent_requests=_concurrent(endpoint, serving, on),
        volume_gib=None
        if pool.raid0
        else _within("volume_gib", math.ceil(weights_gib * _WEIGHTS_MARGIN) + _VOLUME_BASE_GIB),
        usd_per_instance_hour=price.usd if price else None,
    )


def _download_timeout() -> int:
    """As long as SageMaker allows: its copy from S3 is its own, and nobody has measured it as we have the engine's."""
    return sagemaker.limits("download_timeout_s")[1]


def _concurrent(endpoint: Endpoint, serving: ServingPlan, on: SageMaker | SageMakerAsync) -> int:
    """Typical requests that fit the KV cache at once, at most as many as the engine starts and a queue hands out."""
    slo = endpoint.slo or Slo()
    places = serving.fit.max_num_seqs or _FEWEST_PLACES
    tokens = serving.fit.kv_cache_tokens
    fitting = places if tokens is None else int(tokens / (slo.prompt_tokens + slo.output_tokens))
    together = max(1, min(places, fitting))
    return _within("concurrent_invocations", together) if isinstance(on, SageMakerAsync) else together


def _within(what: sagemaker.Limit, value: int) -> int:
    least, most = sagemaker.limits(what)
    return max(least, min(most, value))


def _image(endpoint: Endpoint, serving: ServingPlan, region: str, findings: Findings) -> tuple[str, int | None] | None:
    """Address of the image and its CUDA, which of an own image is not known; ``None`` leaves a finding."""
    own = getattr(endpoint.engine, "image", None)
    path = f"endpoints.{endpoint.name}.engine"
    kind = endpoint.engine.kind
    release = None if kind == "custom" else engines.engine_release(kind, serving.engine_version)
    found = sagemaker.image(release) if release else None
    uri_here = found.uri(region) if found else None
    if own is not None:
        uri = own.repository + (f":{own.tag}" if own.tag else "") + (f"@{own.digest}" if own.digest else "")
        if f".dkr.ecr.{region}." not in own.repository:
            findings.error(
                "LLM_SRV_45",
                endpoint,
                f"{path}.image",
                "SageMaker takes images from private ECR of its own region alone",
                found=own.repository,
                expected=f"<account>.dkr.ecr.{region}.amazonaws.com/…",
                fix="copy the image to ECR in the region" + (", or leave image out" if uri_here else ""),
                runtime_message="Using non-ECR image … is not supported",
            )
            return None
        if kind not in (*sagemaker.engines(), "djl-lmi"):
            findings.warning(
                "LLM_SRV_50",
                endpoint,
                f"{path}.image",
                "SageMaker starts the image by its own entry point: command and arguments of the plan do not reach it",
                found=f"{type(endpoint.engine).__name__} with an image of your own",
                expected="an image that serves /ping and /invocations on port 8080 with the settings that are planned",
                fix="build them into the image, or use VLLM, SGLang, TGI or DJLServing, whose images read variables",
            )
        return uri, None
    if found is None or uri_here is None:
        findings.error(
            "LLM_SRV_42",
            endpoint,
            path,
            "AWS publishes no SageMaker image of this engine here",
            found=f"{serving.engine} {serving.engine_version} in {region}",
            expected="VLLM, SGLang, DJLServing or TGI in a region with Deep Learning Containers",
            fix="use another version or region, or name an image in ECR with Image(…)",
        )
        return None
    return uri_here, found.cuda_major


def _check_secrets(endpoint: Endpoint, serving: ServingPlan, findings: Findings) -> None:
    if serving.weights.kind == "hub" and endpoint.model.token is not None:
        findings.error(
            "LLM_SEC_40",
            endpoint,
            f"endpoints.{endpoint.name}.model.token",
            "a SageMaker model has no variables by reference: a token would stand in its environment, in the state "
            "and in DescribeModel",
            found="a gated model from the Hub",
            expected="weights from a ModelBucket",
            fix="declare a ModelBucket and copy the model there once",
        )
    if endpoint.api_key is not None:
        findings.warning(
            "LLM_SEC_41",
            endpoint,
            f"endpoints.{endpoint.name}.api_key",
            "SageMaker checks callers by IAM; the API key is not used",
            found=f"secret {endpoint.api_key.name!r}",
            expected="sagemaker:InvokeEndpoint in the callers' roles",
            fix="leave api_key out",
        )
