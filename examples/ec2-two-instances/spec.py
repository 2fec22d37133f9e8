"""DeepSeek-R1 without Kubernetes: a replica of two p5.48xlarge over EFA from a capacity block, and spot from zero."""

import datetime as dt

from llminfra import VLLM, Autoscaling, CapacityBlock, Ec2, Endpoint, Model, ModelBucket, Platform, Secret, Spot, Waiver

CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
ACCEPTED = {
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV_AWS_91", "endpoints.*"): "The engine logs requests; access logs of the balancer would repeat them.",
    ("CKV_AWS_150", "endpoints.*"): "The balancer holds no data and is made anew within minutes.",
    ("CKV2_AWS_34", "endpoints.*"): "The contract names a secret and holds none.",
}

platform = Platform(
    name="span",
    region="us-east-1",
    storage=[ModelBucket(name="acme-span-weights")],
    budget_usd_per_month=90_000,
    endpoints=[
        Endpoint(
            name="r1",
            model=Model(id="deepseek-ai/DeepSeek-R1"),
            engine=VLLM(max_model_len=32_768),
            on=Ec2(
                instance_type="p5.48xlarge",
                efa=True,
                capacity=CapacityBlock(reservation_id="cr-0123456789abcdef0"),
                zones=["us-east-1a"],
                domain_name="r1.llm.example.com",
                certificate_arn=CERTIFICATE,
            ),
            api_key=Secret(name="acme/r1-key"),
        ),
        Endpoint(
            name="drafts",
            model=Model(id="Qwen/Qwen3-8B"),
            engine=VLLM(max_model_len=16_384),
            # Nothing runs at night: the first call of a morning fails, and starts an instance.
            on=Ec2(
                instance_type="g6e.2xlarge",
                capacity=Spot(),
                domain_name="drafts.llm.example.com",
                certificate_arn=CERTIFICATE,
            ),
            replicas=Autoscaling(min=0, max=3, cooldown_s=1800),
            api_key=Secret(name="acme/drafts-key"),
        ),
    ],
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="platform-security", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
)
