"""Prompts and answers on separate pods: the cache goes from one to the other by NIXL over EFA, a router is in front."""

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
    # Who accepts privileged engines says so here; the router and its sidecar stay restricted.
    waivers=[
        Waiver(
            rule=rule,
            scope="endpoints.chat",
            reason="NIXL registers GPU memory with EFA devices of the host, which takes a privileged container",
            owner="platform@acme.example",
            expires="2027-06-30",
        )
        for rule in ("CKV_K8S_16", "CKV_K8S_20")
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
