"""Vectors and scores beside each other: an encoder, a decoder that embeds, and a reranker, each on one small GPU."""

import datetime as dt

from llminfra import VLLM, Autoscaling, Endpoint, GpuPool, Model, ModelBucket, Platform, Slo, Waiver

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

gpus = GpuPool(name="l4", instance_types=["g6.xlarge", "g6.2xlarge"], nodes=(0, 5))

platform = Platform(
    name="embeddings",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-embeddings-weights")],
    budget_usd_per_month=6_500,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
    endpoints=[
        # What each does follows from its model: task="embed" and task="rerank" need not be said.
        Endpoint(
            name="embed",
            model=Model(id="Snowflake/snowflake-arctic-embed-l-v2.0"),
            engine=VLLM(max_num_seqs=64),
            on=gpus,
            replicas=Autoscaling(min=1, max=3),
            concurrency=16,
            slo=Slo(prompt_tokens=512, time_to_first_token_ms=500),
        ),
        Endpoint(
            name="embed-long",
            model=Model(id="Qwen/Qwen3-Embedding-4B"),
            engine=VLLM(max_model_len=16_384, max_num_seqs=64),
            on=gpus,
        ),
        Endpoint(name="rerank", model=Model(id="BAAI/bge-reranker-v2-m3"), engine=VLLM(max_model_len=1_024), on=gpus),
    ],
)
