"""DeepSeek-R1 in FP8 over two p5en.48xlarge: pipeline between the nodes over EFA, tensor inside."""

import datetime as dt

from llminfra import VLLM, CapacityBlock, Endpoint, GpuPool, Lustre, Model, ModelBucket, Parallelism, Platform, Waiver

# Findings that this platform lives with: why, and until when somebody answers for it.
ACCEPTED = {
    ("CKV2_AWS_34", "endpoints.*"): "The contract of an endpoint names a secret and holds none.",
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_K8S_11", "endpoints.*"): "A CPU limit throttles tokenization; the request guarantees each pod its share.",
    ("CKV_K8S_15", "endpoints.*"): "Release tags do not move; Always would make each start depend on the registry.",
    ("CKV_K8S_43", "endpoints.*"): "Release tags do not move; digests come with our own image mirror.",
    (
        "LLM_COST_2",
        "budget_usd_per_month",
    ): "Endpoints and Lustre have no packaged price in us-east-2: `llminfra catalog refresh` asks.",
}

bucket = ModelBucket(name="acme-deepseek-weights")
weights = Lustre(name="weights", capacity_gib=9600, throughput_mbps_per_tib=1000, source=bucket, zone="us-east-2a")
h200 = GpuPool(
    name="h200",
    instance_types=["p5en.48xlarge"],
    nodes=(2, 2),
    efa=True,
    capacity=CapacityBlock(reservation_id="cr-0123456789abcdef0"),
    zones=["us-east-2a"],
)
h100 = GpuPool(
    name="h100",
    instance_types=["p5.48xlarge"],
    nodes=(2, 2),
    efa=True,
    capacity=CapacityBlock(reservation_id="cr-0fedcba9876543210"),
    zones=["us-east-2a"],
)
r1 = Model(id="deepseek-ai/DeepSeek-R1")

platform = Platform(
    name="deepseek",
    region="us-east-2",
    pools=[h200, h100],
    storage=[bucket, weights],
    budget_usd_per_month=190_000,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
)
platform.add(
    Endpoint(
        name="r1",
        model=r1,
        engine=VLLM(max_model_len=65_536),
        on=h200,
        weights=weights,
        parallelism=Parallelism(tensor=8, pipeline=2),
        # kubectl -n llm-serving create job --from=cronjob/r1-nccl r1-nccl-1: which network does NCCL use?
        preflight=True,
    )
)
platform.add(
    Endpoint(
        name="r1-small",
        served_name="deepseek-r1-small",
        model=r1,
        engine=VLLM(max_model_len=32_768),
        on=h100,
        weights=weights,
    )
)
