"""An asynchronous SageMaker endpoint: requests and answers in S3, notices by SNS, no instance while nothing waits."""

import datetime as dt

from llminfra import Autoscaling, DJLServing, Endpoint, Model, ModelBucket, Platform, SageMakerAsync, Waiver

ACCEPTED = {
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV2_AWS_34", "endpoints.*"): "The contract names a secret and holds none.",
    ("LLM_COST_2", "budget_usd_per_month"): "The price of ml.g6e types comes from `llminfra catalog refresh` alone.",
}

platform = Platform(
    name="sagemaker-async",
    region="us-east-1",
    storage=[ModelBucket(name="acme-async-weights")],
    budget_usd_per_month=9_000,
    endpoints=[
        Endpoint(
            name="summaries",
            model=Model(id="Qwen/Qwen3-8B"),
            engine=DJLServing(max_model_len=32_768),
            on=SageMakerAsync(instance_type="ml.g6e.2xlarge", output="s3://acme-async-answers/summaries"),
            replicas=Autoscaling(min=0, max=4),
        )
    ],
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="platform-security", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
)
