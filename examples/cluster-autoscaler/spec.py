"""Cluster Autoscaler instead of Karpenter: managed node groups that scale from zero by their tags."""

from llminfra import VLLM, Autoscaling, Cluster, Endpoint, GpuPool, Model, ModelBucket, OnDemand, Platform

gpus = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(0, 4), capacity=OnDemand())

platform = Platform(
    name="autoscaler",
    region="us-west-2",
    cluster=Cluster(autoscaler="cluster-autoscaler", identity="irsa"),
    pools=[gpus],
    storage=[ModelBucket(name="acme-autoscaler-weights")],
)
platform.add(
    Endpoint(
        name="chat",
        model=Model(id="Qwen/Qwen3-32B"),
        engine=VLLM(max_model_len=16_384),
        on=gpus,
        replicas=Autoscaling(min=1, max=8),
    )
)
