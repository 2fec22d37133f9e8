"""A targeted capacity reservation on a managed node group, beside on-demand nodes of the same GPUs."""

import datetime as dt

from llminfra import VLLM, Autoscaling, Endpoint, GpuPool, Model, ModelBucket, OnDemand, Platform, Reservation, Waiver

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
    instance_types=["g6e.24xlarge"],
    nodes=(2, 2),
    capacity=Reservation(reservation_id="cr-0123456789abcdef0"),
    zones=["us-west-2b"],
)
elastic = GpuPool(name="elastic", instance_types=["g6e.24xlarge", "g6e.12xlarge"], nodes=(0, 4), capacity=OnDemand())
model = Model(id="Qwen/Qwen3-32B")

platform = Platform(
    name="reserved",
    region="us-west-2",
    pools=[reserved, elastic],
    storage=[ModelBucket(name="acme-reserved-weights")],
    budget_usd_per_month=80_000,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
)
platform.add(Endpoint(name="steady", model=model, engine=VLLM(max_model_len=16_384), on=reserved, replicas=4))
platform.add(
    Endpoint(
        name="burst",
        served_name="qwen3-32b-burst",
        model=model,
        engine=VLLM(max_model_len=16_384),
        on=elastic,
        replicas=Autoscaling(min=1, max=4),
    )
)
