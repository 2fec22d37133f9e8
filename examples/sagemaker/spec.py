"""The same kind of endpoint on SageMaker: real time, signed by IAM, weights from S3, no network for the container."""

import datetime as dt

from llminfra import VLLM, Autoscaling, Endpoint, Model, ModelBucket, Platform, SageMaker, Waiver

ACCEPTED = {
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV2_AWS_34", "endpoints.*"): "The contract names a secret and holds none.",
    ("LLM_COST_2", "budget_usd_per_month"): "The price of ml.g6e types comes from `llminfra catalog refresh` alone.",
}

platform = Platform(
    name="sagemaker",
    region="us-east-1",
    storage=[ModelBucket(name="acme-sagemaker-weights")],
    budget_usd_per_month=9_000,
    endpoints=[
        Endpoint(
            name="chat",
            model=Model(id="Qwen/Qwen3-14B", quantization="fp8"),
            engine=VLLM(max_model_len=16_384),
            on=SageMaker(instance_type="ml.g6e.2xlarge"),
            replicas=Autoscaling(min=1, max=4),
            concurrency=4,
        )
    ],
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="platform-security", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
)
