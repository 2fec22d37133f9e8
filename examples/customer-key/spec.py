"""Everything that is stored under one key, which the security team manages in an account of its own."""

import datetime as dt

from llminfra import (
    VLLM,
    Autoscaling,
    CustomerKey,
    Endpoint,
    GpuPool,
    Model,
    ModelBucket,
    Platform,
    S3State,
    Waiver,
)

# Findings that this platform lives with: why, and until when somebody answers for it.
ACCEPTED = {
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_K8S_11", "endpoints.*"): "A CPU limit throttles tokenization; the request guarantees each pod its share.",
    ("CKV_K8S_15", "endpoints.*"): "Release tags do not move; Always would make each start depend on the registry.",
    ("CKV_K8S_22", "endpoints.*"): "CUDA libraries write outside the cache volumes; the user has no privileges at all.",
    ("CKV_K8S_43", "endpoints.*"): "Release tags do not move; digests come with our own image mirror.",
}

# `llminfra plan` prints what the security team adds to the policy of this key.
key = CustomerKey(arn="arn:aws:kms:us-east-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab")
bucket = ModelBucket(name="acme-sealed-weights")
gpus = GpuPool(name="l40s", instance_types=["g6e.2xlarge", "g6e.4xlarge"], nodes=(0, 4))

platform = Platform(
    name="ledger",
    region="us-east-1",
    account_id="111122223333",
    encryption=key,
    state=S3State(bucket="acme-terraform-state"),
    pools=[gpus],
    storage=[bucket],
    budget_usd_per_month=12_000,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="platform-security", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
)
platform.add(
    Endpoint(
        name="chat",
        model=Model(id="Qwen/Qwen3-8B"),
        engine=VLLM(max_model_len=16_384),
        on=gpus,
        weights=bucket,
        replicas=Autoscaling(min=1, max=3),
    )
)
