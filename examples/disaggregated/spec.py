"""Prompts and answers on separate pods: the cache goes from one to the other by NIXL over EFA, a router is in front."""

import datetime as dt

from llminfra import (
    VLLM,
    Autoscaling,
    CapacityBlock,
    Disaggregation,
    Endpoint,
    GpuPool,
    Model,
    ModelBucket,
    Observability,
    Parallelism,
    Platform,
    Role,
    Secret,
    Waiver,
)

# Findings that this platform lives with: why, and until when somebody answers for it.
ACCEPTED = {
    # Who accepts privileged engines says so here; the router and its sidecar stay restricted.
    ("CKV_K8S_16", "endpoints.chat"): "NIXL registers GPU memory with EFA devices, which takes a privileged container.",
    (
        "CKV_K8S_20",
        "endpoints.chat",
    ): "Follows from privileged: NIXL registers GPU memory with EFA devices of the host.",
    ("CKV_K8S_38", "endpoints.chat"): "The picker asks the API which pods there are; its role reads pods alone.",
    ("CKV2_AWS_34", "endpoints.*"): "The contract of an endpoint names a secret and holds none.",
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_K8S_11", "endpoints.*"): "A CPU limit throttles tokenization; the request guarantees each pod its share.",
    ("CKV_K8S_15", "endpoints.*"): "Release tags do not move; Always would make each start depend on the registry.",
    ("CKV_K8S_22", "endpoints.*"): "The container toolkit writes driver libraries into the root of GPU containers.",
    ("CKV_K8S_35", "endpoints.*"): "vLLM reads its API key from the environment; no process beside it shares it.",
    ("CKV_K8S_43", "endpoints.*"): "Release tags do not move; digests come with our own image mirror.",
}

weights = ModelBucket(name="acme-llm-weights")
h100 = GpuPool(
    name="h100",
    instance_types=["p5.48xlarge"],
    nodes=(2, 2),
    efa=True,
    capacity=CapacityBlock(reservation_id="cr-0123456789abcdef0"),
    zones=["us-east-1a"],
)

platform = Platform(
    name="disagg",
    region="us-east-1",
    pools=[h100],
    storage=[weights],
    observability=Observability(),
    budget_usd_per_month=120_000,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
)
platform.add(
    Endpoint(
        name="chat",
        model=Model(id="meta-llama/Llama-3.3-70B-Instruct", quantization="fp8", token=Secret(name="acme/hf-token")),
        engine=VLLM(max_model_len=32_768),
        on=h100,
        api_key=Secret(name="acme/chat-key"),
        allow_from_namespaces=["apps"],
        concurrency=8,
        # Reading is bound by arithmetic, writing by memory: small replicas read, larger ones have room for caches.
        disaggregation=Disaggregation(
            prefill=Role(replicas=2, parallelism=Parallelism(tensor=2), max_num_batched_tokens=16_384),
            decode=Role(replicas=Autoscaling(min=1, max=3), parallelism=Parallelism(tensor=4)),
        ),
    )
)
