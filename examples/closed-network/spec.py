"""A network without a way out: every image and chart comes from copies in ECR, weights from a bucket."""

import datetime as dt

from llminfra import (
    VLLM,
    Autoscaling,
    Cluster,
    Endpoint,
    GpuPool,
    ImageMirror,
    Model,
    ModelBucket,
    Network,
    Platform,
    Spot,
    Waiver,
)

# Findings that this platform lives with: why, and until when somebody answers for it.
ACCEPTED = {
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV2_AWS_34", "endpoints.*"): "The contract of an endpoint names a secret and holds none.",
    ("CKV_K8S_11", "endpoints.*"): "A CPU limit throttles tokenization; the request guarantees each pod its share.",
    ("CKV_K8S_15", "endpoints.*"): "Release tags do not move; Always would make each start depend on the registry.",
    ("CKV_K8S_22", "endpoints.*"): "CUDA libraries write outside the cache volumes; the user has no privileges at all.",
    ("CKV_K8S_43", "endpoints.*"): "Tags of the mirror's repositories are immutable: a tag names one image for ever.",
}

# `llminfra images examples/closed-network/spec.py --to-copy --json` lists what a pipeline must copy there.
mirror = ImageMirror(registry="111122223333.dkr.ecr.us-east-1.amazonaws.com")

gpus = GpuPool(name="l40s", instance_types=["g6e.12xlarge", "g6e.24xlarge"], nodes=(0, 4), capacity=Spot())
weights = ModelBucket(name="acme-sealed-weights")

platform = Platform(
    name="sealed",
    region="us-east-1",
    account_id="111122223333",
    network=Network(cidr="10.60.0.0/16", nat="none"),
    cluster=Cluster(admin_role_arns=["arn:aws:iam::111122223333:role/platform-admin"]),
    images=mirror,
    pools=[gpus],
    storage=[weights],
    budget_usd_per_month=60_000,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
    endpoints=[
        Endpoint(
            name="chat",
            model=Model(id="Qwen/Qwen3-32B", revision="9216db5781bf21249d130ec9da846c4624c16137"),
            engine=VLLM(max_model_len=16_384),
            on=gpus,
            replicas=Autoscaling(min=1, max=4),
            weights=weights,
        )
    ],
)
