"""Platforms that have, together, an object of every type on every target that takes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from llminfra import (
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
    TimeSlicing,
    Topic,
    Waiver,
    WorkingHours,
)

REGISTRY = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
OWN = Image(repository=f"{REGISTRY}/acme", tag="1")
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
_HUB = "arn:aws:secretsmanager:us-east-1:111122223333:secret:ecr-pullthroughcache/hub"
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


def platform(**fields: Any) -> Platform:
    """A platform with a bucket."""
    given = {"name": "acme", "region": "us-east-1", "account_id": "111122223333", "storage": [BUCKET]}
    return Platform(**given | fields)


def endpoint(on: Any, **fields: Any) -> Endpoint:
    """An endpoint of a small model."""
    return Endpoint(**{"name": "chat", "model": SMALL, "engine": VLLM(max_model_len=8192), "on": on} | fields)


def serving(on: Any, **fields: Any) -> Platform:
    """A platform with one endpoint."""
    pools = [on] if isinstance(on, GpuPool) else []
    return platform(pools=pools, endpoints=[endpoint(on, **fields)])


def instances(**fields: Any) -> Ec2:
    """Where an endpoint runs outside of a cluster."""
    given = {"instance_type": "g6e.2xlarge", "domain_name": "chat.example.com", "certificate_arn": CERTIFICATE}
    return Ec2(**given | fields)


def karpenter() -> Platform:
    """An elastic pool, with what a team sets around it."""
    chat = endpoint(
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
    return platform(
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
    chat = endpoint(pool, weights=LocalNvme(source=BUCKET, copy_image=OWN), adapters=[legal])
    managed = Observability(
        prometheus="managed", grafana="managed", grafana_admin_groups=["00000000-0000-0000-0000-000000000000"]
    )
    return platform(pools=[pool], storage=[BUCKET, OTHER], endpoints=[chat], observability=managed)


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
    chat = endpoint(
        pool, engine=SGLang(max_model_len=8192), weights=files, replicas=2, parallelism=Parallelism(tensor=2)
    )
    return platform(pools=[pool], storage=[BUCKET, files], cluster=Cluster(identity="irsa"), endpoints=[chat])


def autoscaler() -> Platform:
    """Node groups that the Cluster Autoscaler sizes."""
    pool = GpuPool(name="gpu", instance_types=["g6e.12xlarge", "g6e.24xlarge"], nodes=(0, 3), capacity=Spot())
    return platform(
        pools=[pool], cluster=Cluster(autoscaler="cluster-autoscaler"), endpoints=[endpoint(pool, replicas=2)]
    )


def spanning() -> Platform:
    """Replicas that are larger than a node."""
    files = Lustre(
        name="fast", capacity_gib=9600, throughput_mbps_per_tib=1000, source=BUCKET, zone="us-east-1a", efa=True
    )
    chat = endpoint(H100, model=LARGE, weights=files, preflight=True, parallelism=Parallelism(tensor=8, pipeline=2))
    return platform(pools=[H100], storage=[BUCKET, files], endpoints=[chat])


def disaggregated() -> Platform:
    """Pods for prompts and pods for answers."""
    roles = Disaggregation(
        prefill={"replicas": 2, "parallelism": Parallelism(tensor=2), "max_num_batched_tokens": 16384},
        decode={"replicas": Autoscaling(min=1, max=3), "parallelism": Parallelism(tensor=4)},
    )
    model = Model(id="meta-llama/Llama-3.3-70B-Instruct", quantization="fp8")
    return serving(H100, model=model, engine=VLLM(max_model_len=32_768), disaggregation=roles)


def overflowing() -> Platform:
    """Replicas on two pools."""
    more = GpuPool(name="more", instance_types=["g6e.12xlarge"], capacity=Spot(), nodes=(0, 4))
    beyond = Overflow(on=more, max=3, parallelism=Parallelism(tensor=4), weights=BUCKET)
    return platform(
        pools=[L40S, more], storage=[BUCKET, OTHER], endpoints=[endpoint(L40S, replicas=2, overflow=beyond)]
    )


def mig() -> Platform:
    """Slices of GPUs."""
    sharing = Mig(profile="3g.40gb", tenants=["a", "b"])
    return serving(GpuPool(name="gpu", instance_types=["p5.48xlarge"], nodes=(1, 1), sharing=sharing))


def turns() -> Platform:
    """GPUs in turns."""
    sharing = TimeSlicing(replicas=2, tenants=["labs"])
    pool = GpuPool(name="gpu", instance_types=["g6e.2xlarge"], nodes=(1, 2), sharing=sharing)
    return serving(pool, model=Model(id="Qwen/Qwen3-1.7B"))


def ec2() -> Platform:
    """Instances of one's own, on spot."""
    return serving(
        instances(capacity=Spot(), hosted_zone_id="Z0123456789ABCDEFGHIJ"),
        replicas=Autoscaling(min=1, max=3),
        slo=Slo(time_per_output_token_ms=200),
        api_key=Secret(name="acme/key"),
        parallelism=Parallelism(),
    )


def ec2_spanning() -> Platform:
    """Replicas over several instances."""
    on = instances(instance_type="p5.48xlarge", efa=True, capacity=BLOCK, zones=["us-east-1a"])
    return serving(on, model=LARGE)


def sagemaker(engine: Any, **fields: Any) -> Callable[[], Platform]:
    """A real-time endpoint."""
    return lambda: serving(SageMaker(instance_type="ml.g6e.12xlarge"), engine=engine, **fields)


def sagemaker_async() -> Platform:
    """An endpoint with a queue of its own."""
    on = SageMakerAsync(instance_type="ml.g6e.2xlarge", output="s3://acme-answers/a")
    return serving(on, engine=DJLServing(max_model_len=8192), replicas=Autoscaling(min=0, max=3))


def batch(**fields: Any) -> Callable[[], Platform]:
    """Jobs over files."""
    given = {"name": "nightly", "model": SMALL, "engine": VLLM(max_model_len=8192), "jobs": 2}
    given |= {"input": "s3://acme-batch/in/", "output": "s3://acme-batch/out/"}
    given |= {"on": BatchQueue(instance_types=["g6e.2xlarge"], max_instances=2)}
    return lambda: platform(batches=[BatchInference(**given | fields)])


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
    return platform(storage=[], bedrock=hosted)


def bedrock_pods() -> Platform:
    """Models of Bedrock for pods."""
    pods = PodAccess(namespace="web", service_account="web", models=[SONNET])
    return platform(storage=[], pools=[L40S], bedrock=Bedrock(models=[SONNET, MICRO], access=[pods]))


def queue(on: Any, **fields: Any) -> Callable[[], Platform]:
    """A queue in front of an endpoint."""
    chat = endpoint(on)
    pools = [on] if isinstance(on, GpuPool) else []
    asked = AsyncEndpoint(**{"name": "docs", "behind": chat, "request_timeout_s": 30} | fields)
    return lambda: platform(pools=pools, endpoints=[chat], async_endpoints=[asked])


def gateway(**fields: Any) -> Callable[[], Platform]:
    """An address in front of an endpoint on a pool."""
    chat = endpoint(L40S, replicas=Autoscaling(min=1, max=2))
    front = Gateway(**{"name": "llm", "endpoints": [chat]} | fields)
    return lambda: platform(pools=[L40S], endpoints=[chat], gateways=[front])


def mirrored(on: Any) -> Callable[[], Platform]:
    """A closed network with a registry of its own."""
    pools = [on] if isinstance(on, GpuPool) else []
    images = ImageMirror(registry=REGISTRY, pull_through=True, credentials={"docker.io": _HUB})
    network = Network(nat="none")
    return lambda: platform(pools=pools, endpoints=[endpoint(on)], images=images, network=network)


def adopted() -> Platform:
    """A network that is already there."""
    subnets = {"us-east-1a": "subnet-0123456789abcdef0", "us-east-1b": "subnet-0123456789abcdef1"}
    network = ExistingNetwork(vpc_id="vpc-0123456789abcdef0", cidr="10.40.0.0/16", private_subnet_ids=subnets)
    storage = [ModelBucket(name="acme-w", existing=True)]
    return platform(network=network, storage=storage, pools=[L40S], endpoints=[endpoint(L40S)])


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
    return platform(network=network, cluster=cluster, pools=[L40S], endpoints=[endpoint(L40S)])


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
    scaled = endpoint(L40S, replicas=Autoscaling(min=1, max=2))
    return platform(network=network, cluster=cluster, observability=there, pools=[L40S], endpoints=[scaled])


def keyed() -> Platform:
    """Keys of the platform for everything."""
    return platform(pools=[L40S], encryption=PlatformKeys())


def given_key() -> Platform:
    """A key of another account for everything."""
    key = CustomerKey(arn="arn:aws:kms:us-east-1:444455556666:key/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0")
    return platform(endpoints=[endpoint(instances())], encryption=key)
