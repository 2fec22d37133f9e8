"""Requests by SQS, answers in S3: a queue with a Lambda consumer in front of an endpoint on EC2, without a cluster."""

from llminfra import VLLM, AsyncEndpoint, Ec2, Endpoint, Model, ModelBucket, Platform, Secret

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
    endpoints=[chat],
    async_endpoints=[AsyncEndpoint(name="documents", behind=chat, request_timeout_s=300, max_concurrency=32)],
)
