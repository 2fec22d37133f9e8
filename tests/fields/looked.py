"""The platforms that are looked at, and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from llminfra import (
    TGI,
    VLLM,
    Autoscaling,
    BatchQueue,
    DeepSpeedMII,
    Image,
    Model,
    Oidc,
    Parallelism,
    Platform,
    SageMaker,
    Secret,
    SGLang,
    Slo,
    Tenant,
    TensorRTLLM,
)
from tests.fields.platforms import (
    CERTIFICATE,
    CUSTOM,
    GROUP,
    L40S,
    LARGE,
    OWN,
    REGISTRY,
    adopted,
    autoscaler,
    batch,
    bedrock,
    bedrock_pods,
    disaggregated,
    ec2,
    ec2_spanning,
    gateway,
    given_key,
    instances,
    joined,
    karpenter,
    keyed,
    managed,
    mig,
    mirrored,
    overflowing,
    queue,
    sagemaker,
    sagemaker_async,
    serving,
    spanning,
    spot,
    turns,
    watched,
)


class Looked(Struct, frozen=True):
    """A platform, and the beginnings of the paths of objects whose fields are changed; ``!`` is the end of a path."""

    platform: Callable[[], Platform]
    paths: tuple[str, ...] = ("",)

    def has(self, path: str) -> bool:
        """Whether the object at the path is looked at."""
        return f"{path}!".startswith(self.paths)


_HOST: Mapping[str, Any] = {
    "hostname": "llm.example.com",
    "certificate_arn": CERTIFICATE,
    "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
}
_KEYED = [
    Tenant(name="a", api_key=Secret(name="t/a"), requests_per_minute=60, tokens_per_minute=10_000),
    Tenant(name="b", api_key=Secret(name="t/b")),
]
_OIDC = Oidc(issuer="https://login.example.com", audiences=["llm"], jwks_uri="https://login.example.com/keys")
_PUBLIC: Mapping[str, Any] = {
    "exposure": "public",
    "web_acl_arn": "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/a/b",
    "tenants": [Tenant(name="a", claim="x", tokens_per_minute=1000)],
    "oidc": _OIDC,
}
_SPREAD_JOB: Mapping[str, Any] = {
    "model": LARGE,
    "engine": VLLM(max_model_len=8192, image=Image(repository=f"{REGISTRY}/vllm", tag="1", efa=True)),
    "on": BatchQueue(instance_types=["p5.48xlarge"], efa=True, spot=False),
    "jobs": 1,
}
_RESERVED_JOB = BatchQueue(
    instance_types=["g6e.2xlarge"], max_instances=1, spot=False, reservation=GROUP, zones=["us-east-1a"]
)
_ML = SageMaker(instance_type="ml.g6e.2xlarge")
_ENGINE = ("endpoints.chat.engine",)
_SCALED = {"replicas": Autoscaling(min=1, max=3), "parallelism": Parallelism(tensor=4), "slo": Slo()}

LOOKED: dict[str, Looked] = {
    "karpenter": Looked(karpenter),
    "spot": Looked(spot, ("pools.gpu.", "observability", "endpoints.chat.weights", "endpoints.chat.adapters")),
    "managed": Looked(managed, ("pools", "endpoints.chat.engine", "endpoints.chat.parallelism")),
    "autoscaler": Looked(autoscaler, ("pools",)),
    "spanning": Looked(
        spanning, ("pools", "storage.fast", "endpoints.chat!", "endpoints.chat.engine", "endpoints.chat.parallelism")
    ),
    "disaggregated": Looked(disaggregated, ("endpoints.chat.disaggregation",)),
    "overflowing": Looked(overflowing, ("endpoints.chat.overflow",)),
    "mig": Looked(mig, ("pools.gpu.sharing",)),
    "turns": Looked(turns, ("pools.gpu.sharing",)),
    "ec2": Looked(ec2, ("!", "state", "storage", "observability", "endpoints")),
    "keyed": Looked(keyed, ("encryption",)),
    "given-key": Looked(given_key, ("encryption",)),
    "ec2-spanning": Looked(ec2_spanning, ("endpoints.chat.on",)),
    "ec2-custom": Looked(lambda: serving(instances(), engine=CUSTOM), _ENGINE),
    "pool-custom": Looked(lambda: serving(L40S, engine=CUSTOM, replicas=Autoscaling(min=1, max=2)), _ENGINE),
    "sagemaker": Looked(sagemaker(VLLM(max_model_len=8192), **_SCALED), ("endpoints",)),
    "sagemaker-async": Looked(sagemaker_async, ("endpoints",)),
    "sagemaker-custom": Looked(sagemaker(CUSTOM), _ENGINE),
    "sagemaker-sglang": Looked(sagemaker(SGLang(max_model_len=8192)), _ENGINE),
    "sagemaker-tgi": Looked(sagemaker(TGI(max_model_len=8192)), _ENGINE),
    "sagemaker-mii": Looked(sagemaker(DeepSpeedMII(image=OWN, max_model_len=8192)), _ENGINE),
    "sagemaker-trtllm": Looked(sagemaker(TensorRTLLM(image=OWN, max_model_len=8192)), _ENGINE),
    "batch": Looked(batch(model=Model(id="Qwen/Qwen3-8B", token=Secret(name="acme/hf"))), ("batches",)),
    "batch-reserved": Looked(batch(jobs=1, engine=SGLang(), on=_RESERVED_JOB), ("batches.nightly.on",)),
    "batch-spanning": Looked(batch(**_SPREAD_JOB), ("batches.nightly!",)),
    "bedrock": Looked(bedrock, ("bedrock",)),
    "bedrock-pods": Looked(bedrock_pods, ("bedrock.access",)),
    "queue-ec2": Looked(queue(instances()), ("async_endpoints",)),
    "queue-sagemaker": Looked(queue(_ML), ("async_endpoints",)),
    "queue-pods": Looked(queue(L40S), ("async_endpoints",)),
    "queue-address": Looked(queue(L40S, address="https://chat.internal:8000"), ("async_endpoints",)),
    "gateway-internal": Looked(gateway(**_HOST, tenants=_KEYED), ("gateways",)),
    "gateway-public": Looked(gateway(**_HOST, **_PUBLIC), ("gateways",)),
    "gateway-cluster": Looked(gateway(exposure="cluster"), ("gateways",)),
    "mirror": Looked(mirrored(L40S), ("images", "network")),
    "mirror-ec2": Looked(mirrored(instances()), ("images",)),
    "mirror-sagemaker": Looked(mirrored(_ML), ("images",)),
    "adopted": Looked(adopted, ("network", "storage")),
    "joined": Looked(joined, ("cluster",)),
    "watched": Looked(watched, ("observability",)),
}
"""Every platform that is looked at."""
