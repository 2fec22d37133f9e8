"""SGLang: the same words as for vLLM, its own flags underneath."""

import datetime as dt

from llminfra import Autoscaling, Endpoint, GpuPool, Model, ModelBucket, Platform, SGLang, Spot, Waiver

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

gpus = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(0, 4), capacity=Spot())

platform = Platform(
    name="sglang",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-sglang-weights")],
    budget_usd_per_month=32_500,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
    endpoints=[
        Endpoint(
            name="chat",
            model=Model(id="Qwen/Qwen3-32B"),
            engine=SGLang(max_model_len=16_384, max_num_seqs=128),
            on=gpus,
            replicas=Autoscaling(min=1, max=4),
        )
    ],
)
