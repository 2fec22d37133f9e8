"""Requests by SQS, answers in S3: workers and replicas in the cluster, as many as the queue needs, none without."""

import datetime as dt

from llminfra import VLLM, AsyncEndpoint, Autoscaling, Endpoint, GpuPool, Model, ModelBucket, Platform, Secret, Waiver

# Findings that this platform lives with: why, and until when somebody answers for it.
ACCEPTED = {
    ("CKV2_AWS_34", "*"): "Contracts of endpoints and queues name secrets and hold none.",
    ("CKV2_AWS_62", "*"): "The consumer tells of each answer by SNS, and nothing follows from new weights.",
    ("CKV_AWS_144", "*"): "Weights can be uploaded anew, and answers are kept for a month only.",
    ("CKV_AWS_18", "*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_K8S_11", "*"): "A CPU limit throttles tokenization and threads; the request guarantees each pod its share.",
    ("CKV_K8S_15", "*"): "Release tags do not move; Always would make each start depend on the registry.",
    ("CKV_K8S_22", "endpoints.*"): "CUDA libraries write outside the cache volumes; the user has no privileges at all.",
    ("CKV_K8S_35", "endpoints.*"): "vLLM takes its API key as a variable, which comes from a Secret.",
    ("CKV_K8S_43", "*"): "Release tags do not move; digests come with our own image mirror.",
}

gpus = GpuPool(name="l40s", instance_types=["g6e.2xlarge"], nodes=(0, 2))
chat = Endpoint(
    name="chat",
    model=Model(id="Qwen/Qwen3-8B"),
    engine=VLLM(max_model_len=16_384, max_num_seqs=128),
    on=gpus,
    # The queue starts replicas; between waves nothing runs.
    replicas=Autoscaling(min=0, max=2),
    api_key=Secret(name="llm/chat-api-key"),
)

platform = Platform(
    name="workers",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-workers-weights")],
    budget_usd_per_month=5_000,
    endpoints=[chat],
    async_endpoints=[AsyncEndpoint(name="documents", behind=chat, request_timeout_s=300, max_concurrency=32)],
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="platform-security", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
)
