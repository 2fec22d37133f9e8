"""Weights on FSx for Lustre, linked to the bucket and in the zone of the pool that reads them."""

import datetime as dt

from llminfra import VLLM, Endpoint, GpuPool, Lustre, Model, ModelBucket, Network, OnDemand, Platform, Secret, Waiver

# Findings that this platform lives with: why, and until when somebody answers for it.
ACCEPTED = {
    ("CKV2_AWS_34", "endpoints.*"): "The contract of an endpoint names a secret and holds none.",
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_K8S_11", "endpoints.*"): "A CPU limit throttles tokenization; the request guarantees each pod its share.",
    ("CKV_K8S_15", "endpoints.*"): "Release tags do not move; Always would make each start depend on the registry.",
    ("CKV_K8S_22", "endpoints.*"): "CUDA libraries write outside the cache volumes; the user has no privileges at all.",
    ("CKV_K8S_35", "endpoints.*"): "vLLM reads its API key from the environment only; the pod names the secret.",
    ("CKV_K8S_43", "endpoints.*"): "Release tags do not move; digests come with our own image mirror.",
}

bucket = ModelBucket(name="acme-lustre-weights")
weights = Lustre(name="weights", capacity_gib=2400, throughput_mbps_per_tib=1000, source=bucket, zone="us-east-1d")
gpus = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(1, 4), capacity=OnDemand(), zones=["us-east-1d"])

platform = Platform(
    name="lustre",
    region="us-east-1",
    network=Network(zones=["us-east-1a", "us-east-1b", "us-east-1d"]),
    pools=[gpus],
    storage=[bucket, weights],
    budget_usd_per_month=34_000,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
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
