"""An EKS cluster that is there, with a Karpenter: llminfra adds a pool, the controllers it lacks, and an endpoint."""

import datetime as dt

from llminfra import (
    VLLM,
    Autoscaling,
    Endpoint,
    ExistingCluster,
    ExistingNetwork,
    GpuPool,
    Model,
    ModelBucket,
    Platform,
    Secret,
    Spot,
    Waiver,
)

# Findings that this platform lives with: why, and until when somebody answers for it.
ACCEPTED = {
    ("LLM_CAP_52", "cluster.installed"): "The role of the shared External Secrets may read acme/* of this account.",
    ("CKV2_AWS_34", "endpoints.*"): "The contract of an endpoint names a secret and holds none.",
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events of the account tell who reads which object.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV2_AWS_62", "storage.*"): "Nobody listens for new weights: they are named by their revision.",
    ("CKV_K8S_11", "endpoints.*"): "A CPU limit throttles tokenization; the request guarantees each pod its share.",
    ("CKV_K8S_15", "endpoints.*"): "Release tags do not move; Always would make each start depend on the registry.",
    ("CKV_K8S_22", "endpoints.*"): "CUDA libraries write outside the cache volumes; the user has no privileges at all.",
    ("CKV_K8S_35", "endpoints.*"): "vLLM reads its API key from the environment only.",
    ("CKV_K8S_43", "endpoints.*"): "Release tags do not move; digests come with our own image mirror.",
}

gpus = GpuPool(name="l40s", instance_types=["g6e.xlarge", "g6e.2xlarge"], nodes=(0, 3), capacity=Spot())

platform = Platform(
    name="tenant",
    region="us-east-1",
    network=ExistingNetwork(
        vpc_id="vpc-0123456789abcdef0",
        cidr="10.40.0.0/16",
        private_subnet_ids={
            "us-east-1a": "subnet-0123456789abcdef0",
            "us-east-1b": "subnet-0123456789abcdef1",
        },
    ),
    cluster=ExistingCluster(
        name="acme-shared",
        version="1.35",
        installed=["karpenter", "external-secrets"],
        karpenter_node_role="acme-shared-karpenter-node",
        namespaces=[],
    ),
    pools=[gpus],
    storage=[ModelBucket(name="acme-tenant-weights")],
    budget_usd_per_month=6_000,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
    endpoints=[
        Endpoint(
            name="chat",
            model=Model(id="Qwen/Qwen3-8B"),
            engine=VLLM(max_model_len=16_384),
            on=gpus,
            replicas=Autoscaling(min=1, max=3),
            api_key=Secret(name="acme/chat-key"),
        )
    ],
)
