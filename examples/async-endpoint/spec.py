"""Requests by SQS, answers in S3: a queue with a Lambda consumer in front of an endpoint on EC2, without a cluster."""

import datetime as dt

from llminfra import VLLM, AsyncEndpoint, Ec2, Endpoint, Model, ModelBucket, Platform, Secret, Waiver

ACCEPTED = {
    ("CKV_AWS_18", "*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_AWS_144", "*"): "Weights can be uploaded anew, and answers are kept for a month only.",
    ("CKV2_AWS_62", "*"): "The consumer tells of each answer by SNS, and nothing follows from new weights.",
    ("CKV_AWS_91", "endpoints.*"): "The engine logs requests; access logs of the balancer would repeat them.",
    ("CKV_AWS_116", "async_endpoints.*"): "The queue has a dead-letter queue; the function is not invoked by others.",
    ("CKV_AWS_150", "endpoints.*"): "The balancer holds no data and is made anew within minutes.",
    ("CKV_AWS_272", "async_endpoints.*"): "The archive is made from this repository, and the plan shows its digest.",
    ("CKV2_AWS_34", "*"): "Contracts of endpoints and queues name secrets and hold none.",
}

chat = Endpoint(
    name="chat",
    model=Model(id="Qwen/Qwen3-8B"),
    engine=VLLM(max_model_len=16_384, max_num_seqs=128),
    on=Ec2(
        instance_type="g6e.2xlarge",
        domain_name="chat.llm.example.com",
        certificate_arn="arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    ),
    replicas=2,
    api_key=Secret(name="llm/chat-api-key"),
)

platform = Platform(
    name="async",
    region="us-east-1",
    storage=[ModelBucket(name="acme-async-weights")],
    budget_usd_per_month=4_000,
    endpoints=[chat],
    async_endpoints=[AsyncEndpoint(name="documents", behind=chat, request_timeout_s=300, max_concurrency=32)],
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="platform-security", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
)
