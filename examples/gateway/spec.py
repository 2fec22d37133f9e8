"""A gateway: one address with TLS for two models, API keys and budgets per tenant, and an endpoint that sleeps."""

import datetime as dt

from llminfra import (
    VLLM,
    Autoscaling,
    Endpoint,
    Gateway,
    GpuPool,
    Model,
    ModelBucket,
    Platform,
    Secret,
    Tenant,
    Waiver,
)

ACCEPTED = {
    "CKV_AWS_91": "Envoy logs every request with its tenant; the balancer would log the same requests once more",
    "CKV_AWS_150": "A platform is taken down by terraform destroy, which deletion protection would stop half-way",
    "LLM_GW_13": "Callers of the small model try again for ten minutes: it starts while they do",
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

platform = Platform(
    name="front-door",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-front-door-weights")],
    endpoints=[chat, small],
    gateways=[
        Gateway(
            name="llm",
            endpoints=[chat, small],
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
