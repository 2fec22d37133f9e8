"""Working hours: two replicas by day, none at night and at the weekend, by the clock of a time zone."""

import datetime as dt

from llminfra import VLLM, Autoscaling, Endpoint, GpuPool, Model, ModelBucket, Platform, Waiver, WorkingHours

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

gpus = GpuPool(name="l40s", instance_types=["g6e.xlarge", "g6e.2xlarge"], nodes=(0, 4))
# A cold start before the first callers come.
by_day = WorkingHours(min=2, time_zone="America/New_York", start="07:45", end="19:00")

platform = Platform(
    name="hours",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-hours-weights")],
    budget_usd_per_month=10_000,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
    endpoints=[
        Endpoint(
            name="chat",
            model=Model(id="Qwen/Qwen3-8B"),
            engine=VLLM(max_model_len=32_768),
            on=gpus,
            replicas=Autoscaling(min=0, max=4, working_hours=[by_day]),
        )
    ],
)
