"""A VPC and a bucket that are already there: llminfra reads them and adds the cluster."""

import datetime as dt

from llminfra import VLLM, Endpoint, ExistingNetwork, GpuPool, Model, ModelBucket, OnDemand, Platform, Waiver

# Findings that this platform lives with: why, and until when somebody answers for it.
ACCEPTED = {
    ("CKV2_AWS_34", "endpoints.*"): "The contract of an endpoint names a secret and holds none.",
    ("CKV_K8S_11", "endpoints.*"): "A CPU limit throttles tokenization; the request guarantees each pod its share.",
    ("CKV_K8S_15", "endpoints.*"): "Release tags do not move; Always would make each start depend on the registry.",
    ("CKV_K8S_22", "endpoints.*"): "CUDA libraries write outside the cache volumes; the user has no privileges at all.",
    ("CKV_K8S_43", "endpoints.*"): "Release tags do not move; digests come with our own image mirror.",
}

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
    budget_usd_per_month=22_000,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
    endpoints=[Endpoint(name="chat", model=Model(id="Qwen/Qwen3-32B"), engine=VLLM(max_model_len=16_384), on=gpus)],
)
