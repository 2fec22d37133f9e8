"""Plans by hand: the compiler's input, without the passes that usually make it."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from msgspec.structs import replace

from llminfra import (
    VLLM,
    Autoscaling,
    CapacityBlock,
    Cluster,
    Endpoint,
    GpuPool,
    Lustre,
    Model,
    ModelBucket,
    Network,
    Platform,
    Secret,
    Spot,
)
from llminfra.catalog import instances
from llminfra.engines.invocation import EnvFromSecret, Invocation, Metrics, Probe
from llminfra.planning.hardware.nics import nic_layout
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.infrastructure import (
    AddonPlan,
    BucketPlan,
    ClusterPlan,
    LustrePlan,
    NetworkPlan,
    PoolPlan,
    SubnetPlan,
    SystemNodesPlan,
    Taint,
)
from llminfra.planning.plan.serving import DrainPlan, PodResources, WeightsPlan
from llminfra.planning.plan.startup import Phase, StartupPlan
from llminfra.spec.endpoint import Parallelism

ZONES = ("us-east-1a", "us-east-1b")
GPU_TAINT = Taint(key="nvidia.com/gpu", value="true", effect="NoSchedule")

H100 = GpuPool(
    name="h100",
    instance_types=["p5.48xlarge"],
    nodes=(0, 2),
    efa=True,
    capacity=CapacityBlock(reservation_id="cr-0123456789abcdef0"),
    zones=["us-east-1b"],
)
L40S = GpuPool(name="l40s", instance_types=["g6e.12xlarge", "g6e.24xlarge"], nodes=(0, 8), capacity=Spot())
WEIGHTS = ModelBucket(name="acme-weights")
LUSTRE = Lustre(name="fast", capacity_gib=4800, source=WEIGHTS, zone="us-east-1b")


def network_plan(**changes: Any) -> NetworkPlan:
    """Two zones, a NAT gateway in each."""
    subnets = [
        SubnetPlan(zone=zone, kind="private", cidr=f"10.0.{64 * index}.0/18") for index, zone in enumerate(ZONES)
    ] + [SubnetPlan(zone=zone, kind="public", cidr=f"10.0.192.{64 * index}/26") for index, zone in enumerate(ZONES)]
    plan = NetworkPlan(
        cidr="10.0.0.0/16",
        zones=ZONES,
        subnets=tuple(subnets),
        nat="per-zone",
        gateway_endpoints=("s3",),
        interface_endpoints=("ecr.api", "sts"),
        flow_logs_days=365,
    )
    return replace(plan, **changes)


def cluster_plan(**changes: Any) -> ClusterPlan:
    """A private cluster with Karpenter and Pod Identity."""
    plan = ClusterPlan(
        name="acme",
        version="1.35",
        identity="pod-identity",
        admin_role_arns=("arn:aws:iam::111122223333:role/admin",),
        public_access_cidrs=(),
        private_access_cidrs=("10.20.0.0/16",),
        log_days=365,
        deletion_protection=True,
        autoscaler="karpenter",
        system_nodes=SystemNodesPlan(
            instance_types=("m7i.xlarge",),
            zones=ZONES[:2],
            min_nodes=2,
            max_nodes=4,
            ami_type="AL2023_x86_64_STANDARD",
            ami_release="1.35.7-20260903",
            root_volume_gib=100,
        ),
        addons=(
            AddonPlan(
                name="vpc-cni",
                version="v1",
                before_compute=True,
                service_account="aws-node",
                role_policies=("AmazonEKS_CNI_Policy",),
            ),
            AddonPlan(name="eks-pod-identity-agent", version="v1", before_compute=True),
            AddonPlan(name="coredns", version="v1"),
            AddonPlan(name="eks-node-monitoring-agent", version="v1"),
        ),
    )
    return replace(plan, **changes)


@cache
def h100_pool() -> PoolPlan:
    """An EFA pool on a capacity block, as a managed node group."""
    instance = instances.get("p5.48xlarge")
    assert instance is not None
    assert instance.gpu is not None
    return PoolPlan(
        name="h100",
        spec=H100,
        instance_types=(instance,),
        provisioner="managed",
        grows=False,
        zones=("us-east-1b",),
        min_nodes=0,
        max_nodes=2,
        desired_nodes=2,
        capacity_types=("reserved",),
        nics=nic_layout(instance),
        efa_per_node=32,
        gpus_per_node=8,
        gpu=instance.gpu.device,
        labels={"llminfra.io/pool": "h100", "nvidia.com/gpu.present": "true", "vpc.amazonaws.com/efa.present": "true"},
        taints=(GPU_TAINT,),
        ami_type="AL2023_x86_64_NVIDIA",
        ami_release="1.35.7-20260903",
        root_volume_gib=100,
        raid0=True,
        max_pods=100,
        placement_group=False,
        consolidate_after_s=1800,
        usd_per_node_hour=55.04,
    )


@cache
def l40s_pool() -> PoolPlan:
    """An elastic pool of Karpenter's: spot first."""
    types = tuple(item for name in ("g6e.12xlarge", "g6e.24xlarge") if (item := instances.get(name)))
    gpu = types[0].gpu
    assert gpu is not None
    return PoolPlan(
        name="l40s",
        spec=L40S,
        instance_types=types,
        provisioner="karpenter",
        grows=True,
        zones=ZONES,
        min_nodes=0,
        max_nodes=8,
        desired_nodes=0,
        capacity_types=("spot", "on-demand"),
        nics=(),
        efa_per_node=0,
        gpus_per_node=4,
        gpu=gpu.device,
        labels={"llminfra.io/pool": "l40s", "nvidia.com/gpu.present": "true"},
        taints=(GPU_TAINT,),
        ami_type="AL2023_x86_64_NVIDIA",
        ami_release="1.35.7-20260903",
        root_volume_gib=100,
        raid0=True,
        max_pods=110,
        placement_group=False,
        consolidate_after_s=1800,
        usd_per_node_hour=10.49,
    )


def invocation(**changes: Any) -> Invocation:
    """A vLLM container."""
    probe = Probe(path="/health", port=8000, period_s=10, timeout_s=5, failure_threshold=60)
    plan = Invocation(
        image_repository="vllm/vllm-openai",
        image_tag="v0.30.0",
        image_digest=None,
        command=("vllm", "serve"),
        args=("--port=8000",),
        worker_args=(),
        env={"VLLM_NO_USAGE_STATS": "1"},
        field_env={},
        cache_env={"HF_HOME": "huggingface"},
        secret_env=(),
        port=8000,
        startup=probe,
        readiness=replace(probe, failure_threshold=3),
        liveness=replace(probe, failure_threshold=6),
        worker_probe=None,
        metrics=Metrics(
            port=8000,
            path="/metrics",
            waiting="vllm:num_requests_waiting",
            running="vllm:num_requests_running",
            kv_usage="vllm:kv_cache_usage_perc",
        ),
        drain_flag_s=120,
        run_as_user=10001,
        added_capabilities=(),
        privileged=False,
    )
    return replace(plan, **changes)


def endpoint_plan(spec: Endpoint, **changes: Any) -> EndpointPlan:
    """An endpoint that streams its weights from the bucket."""
    plan = EndpointPlan(
        name=spec.name,
        spec=spec,
        namespace="llm-serving",
        service_account=spec.name,
        pool=spec.on.name,
        instance_type=spec.on.instance_types[0],
        model_id=spec.model.id,
        revision="0" * 40,
        served_name=spec.model.id,
        engine="vllm",
        engine_version="0.30.0",
        invocation=invocation(),
        parallelism=Parallelism(tensor=4),
        parallelism_why="fits on 4 GPUs",
        nodes=1,
        replicas_per_node=1,
        min_replicas=1,
        max_replicas=1,
        weights=WeightsPlan(
            kind="bucket",
            storage="acme-weights",
            model_argument=f"s3://acme-weights/models/{spec.model.id}/{'0' * 40}",
            key=f"models/{spec.model.id}/{'0' * 40}",
            mount_path=None,
            bytes_total=65_000_000_000,
            read_mb_per_s=3000.0,
            read_source="measured",
        ),
        fit=cast("Any", None),
        resources=PodResources(gpus=4, efa=0, cpu_millis=40_000, memory_mib=300_000, shm_mib=16_384, ephemeral_gib=50),
        startup=StartupPlan(phases=(Phase(name="weights", seconds=22.0, why="65 GB"),), budget_s=600),
        drain=DrainPlan(pre_stop_s=15, engine_s=120, grace_s=150),
        rollout="recreate-one",
        candidates=(),
        usd_per_replica_hour=None,
        performance=None,
        usd_per_million_tokens=None,
    )
    return replace(plan, **changes)


def assistant(**changes: Any) -> EndpointPlan:
    """A scaled endpoint on the elastic pool, with a token."""
    spec = Endpoint(
        name="assistant",
        model=Model(id="Qwen/Qwen3-32B", token=Secret(name="acme/hf-token")),
        engine=VLLM(),
        on=L40S,
        replicas=Autoscaling(min=1, max=6),
        weights=WEIGHTS,
        allow_from_namespaces=["apps"],
    )
    secret = EnvFromSecret(name="HF_TOKEN", secret_name="acme/hf-token", secret_key=None)
    return endpoint_plan(spec, **{"max_replicas": 6, "invocation": invocation(secret_env=(secret,)), **changes})


def chat(**changes: Any) -> EndpointPlan:
    """A fixed endpoint on the EFA pool, with weights on Lustre."""
    spec = Endpoint(name="chat", model=Model(id="meta-llama/Llama-3.3-70B-Instruct"), engine=VLLM(), on=H100)
    weights = WeightsPlan(
        kind="lustre",
        storage="fast",
        model_argument=f"/mnt/weights/models/meta-llama/Llama-3.3-70B-Instruct/{'0' * 40}",
        key=f"models/meta-llama/Llama-3.3-70B-Instruct/{'0' * 40}",
        mount_path="/mnt/weights",
        bytes_total=141_000_000_000,
        read_mb_per_s=2343.0,
        read_source="baseline",
    )
    return endpoint_plan(spec, **{"weights": weights, **changes})


def plan(*endpoints: EndpointPlan, platform: Platform | None = None, **changes: Any) -> Plan:
    """A platform with both pools, a bucket, and Lustre in front of it."""
    made = Plan(
        platform=platform or platform_spec(),
        network=network_plan(),
        cluster=cluster_plan(),
        pools=(h100_pool(), l40s_pool()),
        buckets=(BucketPlan(name="acme-weights", spec=WEIGHTS, existing=False),),
        lustre=(
            LustrePlan(
                name="fast",
                spec=LUSTRE,
                zone="us-east-1b",
                capacity_gib=4800,
                throughput_mbps_per_tib=500,
                source_bucket="acme-weights",
                source_prefix="models",
                efa=False,
            ),
        ),
        endpoints=endpoints,
        costs=(),
        quotas=(),
        tags={"team": "ml", "llminfra:platform": "acme"},
    )
    return replace(made, **changes)


def platform_spec(**changes: Any) -> Platform:
    """The platform that the plans are of."""
    fields: dict[str, Any] = {"name": "acme", "region": "us-east-1", "network": Network(), "cluster": Cluster()}
    return Platform(**{**fields, **changes})
