"""Platforms that have, together, an object of every type on every target that takes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from llminfra import (
    TGI,
    VLLM,
    AsyncEndpoint,
    Autoscaling,
    BatchInference,
    BatchQueue,
    Bedrock,
    BedrockModel,
    CapacityBlock,
    Cluster,
    CustomerKey,
    CustomMetrics,
    CustomServer,
    DeepSpeedMII,
    Disaggregation,
    DJLServing,
    Ec2,
    Endpoint,
    ExistingCluster,
    ExistingNetwork,
    ExistingPrometheus,
    Gateway,
    GpuPool,
    Guardrail,
    Image,
    ImageMirror,
    ImageSnapshot,
    InvocationLogging,
    LocalNvme,
    LoraAdapter,
    Lustre,
    Mig,
    Model,
    ModelBucket,
    Network,
    Observability,
    Oidc,
    Overflow,
    PagerDutyAlerts,
    Parallelism,
    Platform,
    PlatformKeys,
    PodAccess,
    ProvisionedThroughput,
    Reservation,
    RoleAccess,
    S3State,
    SageMaker,
    SageMakerAsync,
    Secret,
    SGLang,
    SharedWith,
    SlackAlerts,
    Slo,
    SnsAlerts,
    Spot,
    Tenant,
    TensorRTLLM,
    TimeSlicing,
    Topic,
    Waiver,
    WorkingHours,
)

REGISTRY = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
OWN = Image(repository=f"{REGISTRY}/acme", tag="1")
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
BUCKET, OTHER = ModelBucket(name="acme-w"), ModelBucket(name="acme-other")
SMALL, LARGE = Model(id="Qwen/Qwen3-8B"), Model(id="deepseek-ai/DeepSeek-R1")
BLOCK = CapacityBlock(reservation_id="cr-0123456789abcdef0")
RESERVED = Reservation(reservation_id="cr-0123456789abcdef0")
GROUP = Reservation(resource_group_arn="arn:aws:resource-groups:us-east-1:111122223333:group/gpus")
SONNET = BedrockModel(name="sonnet", id="anthropic.claude-sonnet-4-5-20250929-v1:0")
MICRO = BedrockModel(name="micro", id="amazon.nova-micro-v1:0", routing="region")
LITE = BedrockModel(name="lite", id="amazon.nova-lite-v1:0", routing="region")
L40S = GpuPool(name="gpu", instance_types=["g6e.2xlarge"], nodes=(1, 4))
H100 = GpuPool(name="gpu", instance_types=["p5.48xlarge"], nodes=(2, 2), efa=True, capacity=BLOCK, zones=["us-east-1a"])
CUSTOM = CustomServer(
    image=OWN,
    command=["serve"],
    args=["{model}"],
    port=8000,
    metrics=CustomMetrics(waiting="queue", running="busy", max_running=16),
)


class Looked(Struct, frozen=True):
    """A platform, and the beginnings of the paths of objects whose fields are changed; ``!`` is the end of a path."""

    platform: Callable[[], Platform]
    paths: tuple[str, ...] = ("",)

    def has(self, path: str) -> bool:
        """Whether the object at the path is looked at."""
        return f"{path}!".startswith(self.paths)


def _platform(**fields: Any) -> Platform:
    given = {"name": "acme", "region": "us-east-1", "account_id": "111122223333", "storage": [BUCKET]}
    return Platform(**given | fields)


def _endpoint(on: Any, **fields: Any) -> Endpoint:
    return Endpoint(**{"name": "chat", "model": SMALL, "engine": VLLM(max_model_len=8192), "on": on} | fields)


def _serving(on: Any, **fields: Any) -> Platform:
    pools = [on] if isinstance(on, GpuPool) else []
    return _platform(pools=pools, endpoints=[_endpoint(on, **fields)])


def _ec2(**fields: Any) -> Ec2:
    given = {"instance_type": "g6e.2xlarge", "domain_name": "chat.example.com", "certificate_arn": CERTIFICATE}
    return Ec2(**given | fields)


def karpenter() -> Platform:
    """An elastic pool, with what a team sets around it."""
    chat = _endpoint(
        L40S,
        model=Model(id="Qwen/Qwen3-8B", token=Secret(name="acme/hf", key="token")),
        replicas=Autoscaling(min=1, max=3, working_hours=[WorkingHours(min=2, time_zone="Europe/Berlin")]),
        slo=Slo(time_per_output_token_ms=200),
        api_key=Secret(name="acme/key"),
        compile_cache=BUCKET,
        allow_from_namespaces=["web"],
        adapters=[LoraAdapter(name="sql", bucket=BUCKET, key="adapters/sql", rank=16)],
    )
    receivers = [
        SnsAlerts(topic_arn="arn:aws:sns:us-east-1:111122223333:llm"),
        SlackAlerts(webhook=Secret(name="acme/slack"), channel="#llm"),
        PagerDutyAlerts(routing_key=Secret(name="acme/pager")),
    ]
    waiver = Waiver(
        rule="CKV_AWS_18", reason="CloudTrail records every access", owner="me", expires=dt.date(2027, 6, 1)
    )
    return _platform(
        pools=[L40S],
        endpoints=[chat],
        observability=Observability(receivers=receivers),
        state=S3State(bucket="acme-state"),
        tags={"team": "ml"},
        waivers=[waiver],
    )


def spot() -> Platform:
    """Spot nodes that bring images and keep weights, with managed observability."""
    pool = GpuPool(
        name="gpu",
        instance_types=["g6e.2xlarge"],
        capacity=Spot(),
        image_snapshot=ImageSnapshot(id="snap-0a1b2c3d4e5f60718", images=["vllm/vllm-openai:v0.27.1"]),
    )
    legal = LoraAdapter(name="legal", bucket=BUCKET, id="acme/legal", revision="4" * 40, rank=8)
    chat = _endpoint(pool, weights=LocalNvme(source=BUCKET, copy_image=OWN), adapters=[legal])
    managed = Observability(
        prometheus="managed", grafana="managed", grafana_admin_groups=["00000000-0000-0000-0000-000000000000"]
    )
    return _platform(pools=[pool], storage=[BUCKET, OTHER], endpoints=[chat], observability=managed)


def managed() -> Platform:
    """A reserved node group that reads a file system."""
    pool = GpuPool(
        name="gpu",
        instance_types=["g6e.12xlarge"],
        nodes=(2, 2),
        provisioner="managed",
        capacity=RESERVED,
        zones=["us-east-1b"],
        image_snapshot=ImageSnapshot(id="snap-0a1b2c3d4e5f60718", images=["lmsysorg/sglang:v0.5.17"]),
    )
    files = Lustre(name="fast", source=BUCKET, zone="us-east-1b")
    chat = _endpoint(
        pool, engine=SGLang(max_model_len=8192), weights=files, replicas=2, parallelism=Parallelism(tensor=2)
    )
    return _platform(pools=[pool], storage=[BUCKET, files], cluster=Cluster(identity="irsa"), endpoints=[chat])


def autoscaler() -> Platform:
    """Node groups that the Cluster Autoscaler sizes."""
    pool = GpuPool(name="gpu", instance_types=["g6e.12xlarge", "g6e.24xlarge"], nodes=(0, 3), capacity=Spot())
    return _platform(
        pools=[pool], cluster=Cluster(autoscaler="cluster-autoscaler"), endpoints=[_endpoint(pool, replicas=2)]
    )


def spanning() -> Platform:
    """Replicas that are larger than a node."""
    files = Lustre(
        name="fast", capacity_gib=9600, throughput_mbps_per_tib=1000, source=BUCKET, zone="us-east-1a", efa=True
    )
    chat = _endpoint(H100, model=LARGE, weights=files, preflight=True, parallelism=Parallelism(tensor=8, pipeline=2))
    return _platform(pools=[H100], storage=[BUCKET, files], endpoints=[chat])


def disaggregated() -> Platform:
    """Pods for prompts and pods for answers."""
    roles = Disaggregation(
        prefill={"replicas": 2, "parallelism": Parallelism(tensor=2), "max_num_batched_tokens": 16384},
        decode={"replicas": Autoscaling(min=1, max=3), "parallelism": Parallelism(tensor=4)},
    )
    model = Model(id="meta-llama/Llama-3.3-70B-Instruct", quantization="fp8")
    return _serving(H100, model=model, engine=VLLM(max_model_len=32_768), disaggregation=roles)


def overflowing() -> Platform:
    """Replicas on two pools."""
    more = GpuPool(name="more", instance_types=["g6e.12xlarge"], capacity=Spot(), nodes=(0, 4))
    beyond = Overflow(on=more, max=3, parallelism=Parallelism(tensor=4), weights=BUCKET)
    return _platform(
        pools=[L40S, more], storage=[BUCKET, OTHER], endpoints=[_endpoint(L40S, replicas=2, overflow=beyond)]
    )


def mig() -> Platform:
    """Slices of GPUs."""
    sharing = Mig(profile="3g.40gb", tenants=["a", "b"])
    return _serving(GpuPool(name="gpu", instance_types=["p5.48xlarge"], nodes=(1, 1), sharing=sharing))


def turns() -> Platform:
    """GPUs in turns."""
    sharing = TimeSlicing(replicas=2, tenants=["labs"])
    pool = GpuPool(name="gpu", instance_types=["g6e.2xlarge"], nodes=(1, 2), sharing=sharing)
    return _serving(pool, model=Model(id="Qwen/Qwen3-1.7B"))


def ec2() -> Platform:
    """Instances of one's own, on spot."""
    return _serving(
        _ec2(capacity=Spot(), hosted_zone_id="Z0123456789ABCDEFGHIJ"),
        replicas=Autoscaling(min=1, max=3),
        slo=Slo(time_per_output_token_ms=200),
        api_key=Secret(name="acme/key"),
        parallelism=Parallelism(),
    )


def ec2_spanning() -> Platform:
    """Replicas over several instances."""
    on = _ec2(instance_type="p5.48xlarge", efa=True, capacity=BLOCK, zones=["us-east-1a"])
    return _serving(on, model=LARGE)


def sagemaker(engine: Any, **fields: Any) -> Callable[[], Platform]:
    """A real-time endpoint."""
    return lambda: _serving(SageMaker(instance_type="ml.g6e.12xlarge"), engine=engine, **fields)


def sagemaker_async() -> Platform:
    """An endpoint with a queue of its own."""
    on = SageMakerAsync(instance_type="ml.g6e.2xlarge", output="s3://acme-answers/a")
    return _serving(on, engine=DJLServing(max_model_len=8192), replicas=Autoscaling(min=0, max=3))


def batch(**fields: Any) -> Callable[[], Platform]:
    """Jobs over files."""
    given = {"name": "nightly", "model": SMALL, "engine": VLLM(max_model_len=8192), "jobs": 2}
    given |= {"input": "s3://acme-batch/in/", "output": "s3://acme-batch/out/"}
    given |= {"on": BatchQueue(instance_types=["g6e.2xlarge"], max_instances=2)}
    return lambda: _platform(batches=[BatchInference(**given | fields)])


def bedrock() -> Platform:
    """Models of Bedrock for a role."""
    law = Topic(name="law", definition="legal advice", examples=["may I?"])
    hosted = Bedrock(
        models=[SONNET, MICRO, LITE],
        guardrail=Guardrail(blocked_topics=[law]),
        logging=InvocationLogging(),
        throughput=[ProvisionedThroughput(model=MICRO)],
        access=[RoleAccess(role_name="app", models=[SONNET])],
    )
    return _platform(storage=[], bedrock=hosted)


def bedrock_pods() -> Platform:
    """Models of Bedrock for pods."""
    pods = PodAccess(namespace="web", service_account="web", models=[SONNET])
    return _platform(storage=[], pools=[L40S], bedrock=Bedrock(models=[SONNET, MICRO], access=[pods]))


def queue(on: Any, **fields: Any) -> Callable[[], Platform]:
    """A queue in front of an endpoint."""
    chat = _endpoint(on)
    pools = [on] if isinstance(on, GpuPool) else []
    asked = AsyncEndpoint(**{"name": "docs", "behind": chat, "request_timeout_s": 30} | fields)
    return lambda: _platform(pools=pools, endpoints=[chat], async_endpoints=[asked])


def gateway(**fields: Any) -> Callable[[], Platform]:
    """An address in front of an endpoint on a pool."""
    chat = _endpoint(L40S, replicas=Autoscaling(min=1, max=2))
    front = Gateway(**{"name": "llm", "endpoints": [chat]} | fields)
    return lambda: _platform(pools=[L40S], endpoints=[chat], gateways=[front])


def mirrored(on: Any) -> Callable[[], Platform]:
    """A closed network with a registry of its own."""
    pools = [on] if isinstance(on, GpuPool) else []
    images = ImageMirror(registry=REGISTRY, pull_through=True, credentials={"docker.io": _HUB})
    network = Network(nat="none")
    return lambda: _platform(pools=pools, endpoints=[_endpoint(on)], images=images, network=network)


def adopted() -> Platform:
    """A network that is already there."""
    subnets = {"us-east-1a": "subnet-0123456789abcdef0", "us-east-1b": "subnet-0123456789abcdef1"}
    network = ExistingNetwork(vpc_id="vpc-0123456789abcdef0", cidr="10.40.0.0/16", private_subnet_ids=subnets)
    storage = [ModelBucket(name="acme-w", existing=True)]
    return _platform(network=network, storage=storage, pools=[L40S], endpoints=[_endpoint(L40S)])


def joined() -> Platform:
    """A cluster that is already there, with a Karpenter of its own and another security group of its nodes."""
    subnets = {"us-east-1a": "subnet-0123456789abcdef0", "us-east-1b": "subnet-0123456789abcdef1"}
    network = ExistingNetwork(vpc_id="vpc-0123456789abcdef0", cidr="10.40.0.0/16", private_subnet_ids=subnets)
    cluster = ExistingCluster(
        name="shared",
        version="1.35",
        node_security_group_id="sg-0123456789abcdef0",
        installed=["karpenter", "nvidia-device-plugin"],
        karpenter_node_role="shared-node",
        install=["external-secrets", "keda"],
        shared_with=[SharedWith(name="search", secrets=["acme/search/*"])],
    )
    return _platform(network=network, cluster=cluster, pools=[L40S], endpoints=[_endpoint(L40S)])


def watched() -> Platform:
    """A cluster that is already there, and the Prometheus in it."""
    there = ExistingPrometheus(
        namespace="monitoring",
        match_labels={"release": "kube-prometheus-stack"},
        url="http://prometheus-operated.monitoring.svc:9090",
        external_labels={"cluster": "shared"},
    )
    subnets = {"us-east-1a": "subnet-0123456789abcdef0", "us-east-1b": "subnet-0123456789abcdef1"}
    network = ExistingNetwork(vpc_id="vpc-0123456789abcdef0", cidr="10.40.0.0/16", private_subnet_ids=subnets)
    cluster = ExistingCluster(name="shared", version="1.35", namespaces=["keda"])
    scaled = _endpoint(L40S, replicas=Autoscaling(min=1, max=2))
    return _platform(network=network, cluster=cluster, observability=there, pools=[L40S], endpoints=[scaled])


def keyed() -> Platform:
    """Keys of the platform for everything."""
    return _platform(pools=[L40S], encryption=PlatformKeys())


def given_key() -> Platform:
    """A key of another account for everything."""
    key = CustomerKey(arn="arn:aws:kms:us-east-1:444455556666:key/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0")
    return _platform(endpoints=[_endpoint(_ec2())], encryption=key)


_HUB = "arn:aws:secretsmanager:us-east-1:111122223333:secret:ecr-pullthroughcache/hub"
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
    "ec2-custom": Looked(lambda: _serving(_ec2(), engine=CUSTOM), _ENGINE),
    "pool-custom": Looked(lambda: _serving(L40S, engine=CUSTOM, replicas=Autoscaling(min=1, max=2)), _ENGINE),
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
    "queue-ec2": Looked(queue(_ec2()), ("async_endpoints",)),
    "queue-sagemaker": Looked(queue(_ML), ("async_endpoints",)),
    "queue-pods": Looked(queue(L40S), ("async_endpoints",)),
    "queue-address": Looked(queue(L40S, address="https://chat.internal:8000"), ("async_endpoints",)),
    "gateway-internal": Looked(gateway(**_HOST, tenants=_KEYED), ("gateways",)),
    "gateway-public": Looked(gateway(**_HOST, **_PUBLIC), ("gateways",)),
    "gateway-cluster": Looked(gateway(exposure="cluster"), ("gateways",)),
    "mirror": Looked(mirrored(L40S), ("images", "network")),
    "mirror-ec2": Looked(mirrored(_ec2()), ("images",)),
    "mirror-sagemaker": Looked(mirrored(_ML), ("images",)),
    "adopted": Looked(adopted, ("network", "storage")),
    "joined": Looked(joined, ("cluster",)),
    "watched": Looked(watched, ("observability",)),
}
"""Every platform that is looked at."""
