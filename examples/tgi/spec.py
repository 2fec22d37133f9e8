"""Text Generation Inference: in maintenance mode, so it compiles with a warning; the bucket is mounted as files."""

from llminfra import TGI, Endpoint, GpuPool, Model, ModelBucket, OnDemand, Platform

gpus = GpuPool(name="l4", instance_types=["g6.12xlarge"], nodes=(0, 2), capacity=OnDemand())

platform = Platform(
    name="tgi",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-tgi-weights")],
    endpoints=[
        Endpoint(
            name="chat", model=Model(id="meta-llama/Llama-3.1-8B-Instruct"), engine=TGI(max_model_len=8192), on=gpus
        )
    ],
)
