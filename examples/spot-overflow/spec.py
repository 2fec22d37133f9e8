"""Two replicas on a capacity reservation, up to six more on spot while requests wait, under one model name."""

import datetime as dt

from llminfra import VLLM, Endpoint, GpuPool, Model, ModelBucket, Overflow, Platform, Reservation, Spot, Waiver

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

reserved = GpuPool(
    name="reserved",
    instance_types=["p5.4xlarge"],
    nodes=(2, 2),
    capacity=Reservation(reservation_id="cr-0123456789abcdef0"),
    zones=["us-east-1b"],
)
# Where an H100 holds a replica, two L40S do, in all zones.
spot = GpuPool(name="spot", instance_types=["g6e.12xlarge", "g6e.24xlarge"], nodes=(0, 3), capacity=Spot())

platform = Platform(
    name="overflow",
    region="us-east-1",
    pools=[reserved, spot],
    storage=[ModelBucket(name="acme-overflow-weights")],
    budget_usd_per_month=45_000,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
    endpoints=[
        Endpoint(
            name="chat",
            model=Model(id="Qwen/Qwen3-32B"),
            engine=VLLM(max_model_len=16_384),
            on=reserved,
            replicas=2,
            overflow=Overflow(on=spot, max=6),
        )
    ],
)
