"""TensorRT-LLM's server, in the image that the user pins."""

import datetime as dt

from llminfra import Endpoint, GpuPool, Image, Model, ModelBucket, OnDemand, Platform, TensorRTLLM, Waiver

# Findings that this platform lives with: why, and until when somebody answers for it.
ACCEPTED = {
    ("CKV2_AWS_34", "endpoints.*"): "The contract of an endpoint names a secret and holds none.",
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_K8S_11", "endpoints.*"): "A CPU limit throttles tokenization; the request guarantees each pod its share.",
    ("CKV_K8S_15", "endpoints.*"): "Release tags do not move; Always would make each start depend on the registry.",
    ("CKV_K8S_22", "endpoints.*"): "CUDA libraries write outside the cache volumes; the user has no privileges at all.",
    ("CKV_K8S_43", "endpoints.*"): "Our registry refuses to overwrite a tag (ECR tag immutability).",
}

# Both replicas fit one node; over several zones each would have a node of its own, half of it idle.
gpus = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(0, 2), capacity=OnDemand(), zones=["us-east-1a"])

platform = Platform(
    name="tensorrt-llm",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-trtllm-weights")],
    budget_usd_per_month=16_800,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
    endpoints=[
        Endpoint(
            name="chat",
            model=Model(id="Qwen/Qwen3-32B"),
            engine=TensorRTLLM(
                image=Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/tensorrt-llm", tag="1.2.0"),
                max_model_len=16_384,
            ),
            on=gpus,
            replicas=2,
        )
    ],
)
