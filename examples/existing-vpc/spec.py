"""A VPC and a bucket that are already there: llminfra reads them and adds the cluster."""

from llminfra import VLLM, Endpoint, ExistingNetwork, GpuPool, Model, ModelBucket, OnDemand, Platform

gpus = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(0, 2), capacity=OnDemand())

platform = Platform(
    name="adopted",
    region="eu-central-1",
    network=ExistingNetwork(
        vpc_id="vpc-0123456789abcdef0",
        cidr="10.40.0.0/16",
        private_subnet_ids={
            "eu-central-1a": "subnet-0123456789abcdef0",
            "eu-central-1b": "subnet-0123456789abcdef1",
        },
    ),
    pools=[gpus],
    storage=[ModelBucket(name="acme-existing-weights", existing=True)],
    endpoints=[Endpoint(name="chat", model=Model(id="Qwen/Qwen3-32B"), engine=VLLM(max_model_len=16_384), on=gpus)],
)
