"""A chat model on EC2 instances of its own: no Kubernetes, TLS at an internal load balancer, scaled on its queue."""

import datetime as dt

from llminfra import VLLM, Autoscaling, Ec2, Endpoint, Model, ModelBucket, Platform, Secret, Waiver

ACCEPTED = {
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV_AWS_91", "endpoints.*"): "The engine logs requests; access logs of the balancer would repeat them.",
    ("CKV_AWS_150", "endpoints.*"): "The balancer holds no data and is made anew within minutes.",
    ("CKV2_AWS_34", "endpoints.*"): "The contract names a secret and holds none.",
}

platform = Platform(
    name="ec2",
    region="us-east-1",
    storage=[ModelBucket(name="acme-ec2-weights")],
    budget_usd_per_month=7_500,
    endpoints=[
        Endpoint(
            name="chat",
            model=Model(id="Qwen/Qwen3-14B", quantization="fp8"),
            engine=VLLM(max_model_len=16_384),
            on=Ec2(
                instance_type="g6e.2xlarge",
                domain_name="chat.llm.example.com",
                certificate_arn="arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
                hosted_zone_id="Z0123456789ABCDEFGHIJ",
            ),
            replicas=Autoscaling(min=1, max=4),
            concurrency=4,
            api_key=Secret(name="acme/chat-key"),
        )
    ],
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="platform-security", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
)
