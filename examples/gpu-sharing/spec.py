"""GPU sharing: two tenants on MIG slices of H100, and one tenant's small models that take turns on L4."""

import datetime as dt

from llminfra import VLLM, Endpoint, GpuPool, Mig, Model, ModelBucket, Platform, TimeSlicing, Waiver

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

# Each GPU becomes two slices with memory and faults of their own.
slices = GpuPool(
    name="h100-halves",
    instance_types=["p5.4xlarge"],
    nodes=(3, 3),
    sharing=Mig(profile="3g.40gb", tenants=["search", "support"]),
)
# Nothing isolates memory here, so there is one tenant; the planner halves gpu_memory_utilization.
turns = GpuPool(
    name="l4-shared",
    instance_types=["g6.2xlarge"],
    nodes=(1, 2),
    sharing=TimeSlicing(replicas=2, tenants=["labs"]),
)

platform = Platform(
    name="sharing",
    region="us-east-1",
    pools=[slices, turns],
    storage=[ModelBucket(name="acme-sharing-weights")],
    budget_usd_per_month=18_500,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
    endpoints=[
        Endpoint(
            name="search",
            model=Model(id="Qwen/Qwen3-8B"),
            engine=VLLM(max_model_len=16_384),
            on=slices,
            replicas=4,
        ),
        Endpoint(
            name="support",
            model=Model(id="meta-llama/Llama-3.1-8B-Instruct"),
            engine=VLLM(max_model_len=16_384),
            on=slices,
            replicas=2,
        ),
        Endpoint(
            name="drafts",
            model=Model(id="Qwen/Qwen3-1.7B", revision="70d244cc86ccca08cf5af4e1e306ecf908b1ad5e"),
            engine=VLLM(max_model_len=8_192, max_num_seqs=32),
            on=turns,
            replicas=2,
        ),
    ],
)
