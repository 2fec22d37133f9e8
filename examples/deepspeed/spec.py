"""DeepSpeed two ways: MII's server in an image of one's own, and DJL Serving's LMI container."""

import datetime as dt

from llminfra import DeepSpeedMII, DJLServing, Endpoint, GpuPool, Image, Model, ModelBucket, OnDemand, Platform, Waiver

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

gpus = GpuPool(name="a10g", instance_types=["g5.2xlarge"], nodes=(0, 4), capacity=OnDemand())
llama = Model(id="meta-llama/Llama-3.1-8B-Instruct")

platform = Platform(
    name="deepspeed",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-deepspeed-weights")],
    budget_usd_per_month=5_000,
    waivers=[
        Waiver(
            rule="LLM_SRV_20",
            scope="endpoints.mii",
            reason="Our fine-tuned kernels exist for DeepSpeed-MII only; the port to vLLM is under way.",
            owner="ml-platform",
            expires=dt.date(2027, 6, 30),
        ),
        *(
            Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
            for (rule, scope), reason in ACCEPTED.items()
        ),
    ],
)
platform.add(
    Endpoint(
        name="mii",
        model=llama,
        engine=DeepSpeedMII(
            image=Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/deepspeed-mii", tag="0.3.3"),
            max_model_len=4096,
        ),
        on=gpus,
    )
)
platform.add(
    Endpoint(name="lmi", served_name="llama-8b-lmi", model=llama, engine=DJLServing(max_model_len=8192), on=gpus)
)
