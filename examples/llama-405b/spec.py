"""Llama 3.1 405B in FP8: one p5e.48xlarge holds it, or two p5.48xlarge together."""

import datetime as dt

from llminfra import VLLM, CapacityBlock, Endpoint, GpuPool, Model, ModelBucket, Parallelism, Platform, Secret, Waiver

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
    (
        "LLM_COST_2",
        "budget_usd_per_month",
    ): "Capacity blocks of p5e.48xlarge have no list price: `llminfra catalog refresh` asks for an offer.",
}

one = GpuPool(
    name="h200",
    instance_types=["p5e.48xlarge"],
    nodes=(1, 1),
    capacity=CapacityBlock(reservation_id="cr-0123456789abcdef0"),
    zones=["us-east-2b"],
)
two = GpuPool(
    name="h100",
    instance_types=["p5.48xlarge"],
    nodes=(2, 2),
    efa=True,
    capacity=CapacityBlock(reservation_id="cr-0fedcba9876543210"),
    zones=["us-east-2b"],
)
llama = Model(id="meta-llama/Llama-3.1-405B-Instruct-FP8", token=Secret(name="acme/hf-token"))

platform = Platform(
    name="llama-405b",
    region="us-east-2",
    pools=[one, two],
    storage=[ModelBucket(name="acme-405b-weights")],
    budget_usd_per_month=140_000,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
)
platform.add(Endpoint(name="one-node", model=llama, engine=VLLM(max_model_len=32_768), on=one))
platform.add(
    Endpoint(
        name="two-nodes",
        served_name="llama-405b-two-nodes",
        model=llama,
        engine=VLLM(max_model_len=65_536),
        on=two,
        parallelism=Parallelism(tensor=8, pipeline=2),
    )
)
