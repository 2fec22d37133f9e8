"""Text Generation Inference: in maintenance mode, so it compiles with a warning; the bucket is mounted as files."""

import datetime as dt

from llminfra import TGI, Endpoint, GpuPool, Model, ModelBucket, OnDemand, Platform, Waiver

gpus = GpuPool(name="l4", instance_types=["g6.12xlarge"], nodes=(0, 2), capacity=OnDemand())

platform = Platform(
    name="tgi",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-tgi-weights")],
    waivers=[
        Waiver(
            rule="LLM_SRV_20",
            reason="Kept until its last clients have moved to the vLLM endpoint; no new client is admitted.",
            owner="ml-platform",
            expires=dt.date(2027, 6, 30),
        ),
        Waiver(
            rule="CKV_K8S_23",
            scope="endpoints.chat",
            reason="The image starts as root only (text-generation-inference#3082); it has no capabilities.",
            owner="ml-platform",
            expires=dt.date(2027, 6, 30),
        ),
    ],
    endpoints=[
        Endpoint(
            name="chat", model=Model(id="meta-llama/Llama-3.1-8B-Instruct"), engine=TGI(max_model_len=8192), on=gpus
        )
    ],
)
