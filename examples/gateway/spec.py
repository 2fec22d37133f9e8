"""A gateway: one address with TLS for three models, API keys and budgets per tenant, and endpoints that sleep."""

import datetime as dt

from llminfra import (
    VLLM,
    Autoscaling,
    Cluster,
    Endpoint,
    Gateway,
    GpuPool,
    Model,
    ModelBucket,
    Platform,
    Secret,
    SystemNodes,
    Tenant,
    Waiver,
)

ACCEPTED = {
    "CKV_AWS_91": "Envoy logs every request with its tenant; the balancer would log the same requests once more",
    "CKV_AWS_150": "A platform is taken down by terraform destroy, which deletion protection would stop half-way",
    "LLM_GW_13": "Callers of what sleeps try again for ten minutes: it starts while they do",
    "CKV_AWS_18": "CloudTrail data events record every access; access logs would repeat them.",
    "CKV_AWS_144": "Weights are copies of published checkpoints and can be uploaded anew.",
    "CKV2_AWS_62": "Nothing consumes events of this bucket: new weights come by a change of this file.",
    "CKV2_AWS_34": "The contract of an endpoint names a secret and holds none.",
    "CKV_K8S_11": "A CPU limit throttles tokenization; the request guarantees each pod its share.",
    "CKV_K8S_15": "Release tags do not move; Always would make each start depend on the registry.",
    "CKV_K8S_22": "CUDA libraries write outside the cache volumes; the user has no privileges at all.",
    "CKV_K8S_43": "Release tags do not move; digests come with our own image mirror.",
}

gpus = GpuPool(name="l40s", instance_types=["g6e.2xlarge"], nodes=(1, 6))

chat = Endpoint(
    name="chat",
    model=Model(id="Qwen/Qwen3-8B"),
    engine=VLLM(max_model_len=32_768),
    on=gpus,
    served_name="chat",
    replicas=Autoscaling(min=1, max=4),
)
# Nobody calls it at night: it goes to zero, and the first request in the morning starts it again.
small = Endpoint(
    name="small",
    model=Model(id="Qwen/Qwen3-4B"),
    engine=VLLM(max_model_len=16_384),
    on=gpus,
    served_name="small",
    replicas=Autoscaling(min=0, max=2),
)

# Nothing at the gateway reads requests to rerank, so they are told by their path: /endpoints/rerank/v1/rerank. They
# wait for a replica, too.
rerank = Endpoint(
    name="rerank",
    model=Model(id="BAAI/bge-reranker-v2-m3"),
    engine=VLLM(max_model_len=1_024),
    on=GpuPool(name="l4", instance_types=["g6.xlarge", "g6.2xlarge"], nodes=(0, 1)),
    replicas=Autoscaling(min=0, max=1, cooldown_s=900),
)

platform = Platform(
    name="front-door",
    region="us-east-1",
    # Three pickers and what else a gateway runs ask for more than two nodes have.
    cluster=Cluster(system_nodes=SystemNodes(nodes=(3, 4))),
    pools=[gpus, rerank.on],
    storage=[ModelBucket(name="acme-front-door-weights")],
    endpoints=[chat, small, rerank],
    gateways=[
        Gateway(
            name="llm",
            endpoints=[chat, small, rerank],
            hostname="llm.example.com",
            certificate_arn="arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
            hosted_zone_id="Z0123456789ABCDEFGHIJ",
            tenants=[
                Tenant(
                    name="search",
                    api_key=Secret(name="llm/tenants/search"),
                    requests_per_minute=600,
                    tokens_per_minute=2_000_000,
                ),
                Tenant(
                    name="batch",
                    api_key=Secret(name="llm/tenants/batch", key="api_key"),
                    requests_per_minute=60,
                    tokens_per_minute=200_000,
                ),
            ],
        )
    ],
    budget_usd_per_month=13_000,
    waivers=[
        Waiver(rule=rule, reason=reason, owner="platform-team", expires=dt.date(2027, 6, 30))
        for rule, reason in ACCEPTED.items()
    ],
)
