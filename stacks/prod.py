"""The production platform: 70B chat on reserved H100s, a 32B assistant on elastic L40S nodes."""

import datetime as dt

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
    Waiver,
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

# Findings of checkov that we live with: what each would cost, and who answers for it. None outlives its date.
ACCEPTED = {
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV2_AWS_34", "endpoints.*"): "The contract of an endpoint names a secret and holds none.",
    ("CKV_K8S_11", "endpoints.*"): "A CPU limit throttles tokenization; the request guarantees each pod its share.",
    ("CKV_K8S_15", "endpoints.*"): "Release tags do not move; Always would make each start depend on the registry.",
    ("CKV_K8S_22", "endpoints.*"): "CUDA libraries write outside the cache volumes; the user has no privileges at all.",
    ("CKV_K8S_43", "endpoints.*"): "Release tags of vLLM do not move; digests come with our own image mirror.",
}

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
    budget_usd_per_month=200_000,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="platform-security", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
)

platform.add(
    Endpoint(
        name="chat",
        model=Model(
            id="meta-llama/Llama-3.3-70B-Instruct",
            revision="6f6073b423013f6a7d4d9f39144961bfbfbc386b",
            quantization="fp8",
            token=Secret(name="acme/hf-token"),
        ),
        engine=VLLM(max_model_len=32_768),
        on=h100,
        replicas=Autoscaling(min=1, max=8),
        weights=lustre,
    )
)
platform.add(
    Endpoint(
        name="assistant",
        model=Model(id="Qwen/Qwen3-32B", revision="9216db5781bf21249d130ec9da846c4624c16137"),
        engine=VLLM(max_model_len=16_384),
        on=l40s,
        replicas=Autoscaling(min=1, max=6),
        weights=weights,
    )
)
