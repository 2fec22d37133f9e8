"""The production platform: 70B chat on reserved H100s, a 32B assistant on elastic L40S nodes."""

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
    Observability,
    Platform,
    S3State,
    Secret,
    Spot,
)

h100 = GpuPool(
    name="h100",
    instance_types=["p5.48xlarge"],
    nodes=(0, 2),
    efa=True,
    capacity=CapacityBlock(reservation_id="cr-0123456789abcdef0"),
    zones=["us-east-1b"],
)
l40s = GpuPool(name="l40s", instance_types=["g6e.12xlarge", "g6e.24xlarge"], nodes=(0, 8), capacity=Spot())

weights = ModelBucket(name="acme-llm-weights")
lustre = Lustre(name="weights", capacity_gib=4800, throughput_mbps_per_tib=500, source=weights, zone="us-east-1b")

platform = Platform(
    name="acme-prod",
    region="us-east-1",
    network=Network(cidr="10.20.0.0/16", zones=["us-east-1a", "us-east-1b", "us-east-1c"]),
    cluster=Cluster(version="1.35", admin_role_arns=["arn:aws:iam::111122223333:role/platform-admin"]),
    pools=[h100, l40s],
    storage=[weights, lustre],
    observability=Observability(),
    state=S3State(bucket="acme-terraform-state"),
    tags={"team": "ml-platform", "environment": "prod"},
)

platform.add(
    Endpoint(
        name="chat",
        model=Model(id="meta-llama/Llama-3.3-70B-Instruct", quantization="fp8", token=Secret(name="acme/hf-token")),
        engine=VLLM(max_model_len=32_768),
        on=h100,
        replicas=Autoscaling(min=1, max=4),
        weights=lustre,
    )
)
platform.add(
    Endpoint(
        name="assistant",
        model=Model(id="Qwen/Qwen3-32B"),
        engine=VLLM(max_model_len=16_384),
        on=l40s,
        replicas=Autoscaling(min=1, max=6),
        weights=weights,
    )
)
