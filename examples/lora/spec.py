"""LoRA adapters: three fine-tunes of one base model on one GPU, from a bucket and from the Hub."""

import datetime as dt

from llminfra import VLLM, Endpoint, GpuPool, LoraAdapter, Model, ModelBucket, Platform, Waiver

# Findings that this platform lives with: why, and until when somebody answers for it.
ACCEPTED = {
    ("CKV2_AWS_34", "endpoints.*"): "The contract of an endpoint names a secret and holds none.",
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_K8S_11", "endpoints.*"): "A CPU limit throttles tokenization; the request guarantees each pod its share.",
    ("CKV_K8S_15", "endpoints.*"): "Release tags do not move; Always would make each start depend on the registry.",
    ("CKV_K8S_22", "endpoints.*"): "CUDA libraries write outside the cache volumes; the user has no privileges at all.",
    ("CKV_K8S_43", "endpoints.*"): "Release tags do not move; digests come with our own image mirror.",
}

gpus = GpuPool(name="l40s", instance_types=["g6e.2xlarge"], nodes=(1, 2))
bucket = ModelBucket(name="acme-lora-weights")

platform = Platform(
    name="adapters",
    region="us-east-1",
    pools=[gpus],
    storage=[bucket],
    budget_usd_per_month=4_600,
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
            served_name="base",
            adapters=[
                # Uploaded by a training job: adapter_config.json and the weights lie directly under the key.
                LoraAdapter(name="sql", bucket=bucket, key="adapters/sql/v3", rank=16),
                LoraAdapter(name="support", bucket=bucket, key="adapters/support/v1", rank=32),
                # Copied into the bucket once, at this commit.
                LoraAdapter(
                    name="legal",
                    bucket=bucket,
                    id="acme/qwen3-8b-legal-lora",
                    revision="4c7d9b0f2a61e83d5b94c8f7016e2ad935bb4c10",
                    rank=8,
                ),
            ],
        )
    ],
)
