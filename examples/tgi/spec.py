"""Text Generation Inference: in maintenance mode, so it compiles with a warning; the bucket is mounted as files."""

import datetime as dt

from llminfra import TGI, Endpoint, GpuPool, Model, ModelBucket, OnDemand, Platform, Waiver

# Findings that this platform lives with: why, and until when somebody answers for it.
ACCEPTED = {
    ("CKV2_AWS_34", "endpoints.*"): "The contract of an endpoint names a secret and holds none.",
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_K8S_11", "endpoints.*"): "A CPU limit throttles tokenization; the request guarantees each pod its share.",
    ("CKV_K8S_15", "endpoints.*"): "Release tags do not move; Always would make each start depend on the registry.",
    ("CKV_K8S_22", "endpoints.*"): "CUDA libraries write outside the cache volumes; the container has no capabilities.",
    ("CKV_K8S_40", "endpoints.*"): "The image starts as root only (text-generation-inference#3082).",
    ("CKV_K8S_43", "endpoints.*"): "Release tags do not move; digests come with our own image mirror.",
}

gpus = GpuPool(name="l4", instance_types=["g6.2xlarge"], nodes=(0, 2), capacity=OnDemand())

platform = Platform(
    name="tgi",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-tgi-weights")],
    budget_usd_per_month=2_700,
    waivers=[
        Waiver(
            rule="LLM_SRV_20",
            reason="Kept until its last clients have moved to the vLLM endpoint; no new client is admitted.",
            owner="ml-platform",
            expires=dt.date(2027, 6, 30),
        ),
        Waiver(
            rule="CKV_K8S_23",
            scope="endpoints.chat",
            reason="The image starts as root only (text-generation-inference#3082); it has no capabilities.",
            owner="ml-platform",
            expires=dt.date(2027, 6, 30),
        ),
        *(
            Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
            for (rule, scope), reason in ACCEPTED.items()
        ),
    ],
    endpoints=[
        Endpoint(
            name="chat", model=Model(id="meta-llama/Llama-3.1-8B-Instruct"), engine=TGI(max_model_len=8192), on=gpus
        )
    ],
)
