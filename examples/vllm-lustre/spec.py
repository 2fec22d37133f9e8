"""Weights on FSx for Lustre, linked to the bucket and in the zone of the pool that reads them."""

from llminfra import VLLM, Endpoint, GpuPool, Lustre, Model, ModelBucket, Network, OnDemand, Platform, Secret

bucket = ModelBucket(name="acme-lustre-weights")
weights = Lustre(name="weights", capacity_gib=2400, throughput_mbps_per_tib=1000, source=bucket, zone="us-east-1d")
gpus = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(1, 4), capacity=OnDemand(), zones=["us-east-1d"])

platform = Platform(
    name="lustre",
    region="us-east-1",
    network=Network(zones=["us-east-1a", "us-east-1b", "us-east-1d"]),
    pools=[gpus],
    storage=[bucket, weights],
)
platform.add(
    Endpoint(
        name="chat",
        model=Model(id="Qwen/Qwen3-32B"),
        engine=VLLM(max_model_len=16_384),
        on=gpus,
        weights=weights,
        replicas=2,
        api_key=Secret(name="acme/chat-api-key"),
    )
)
