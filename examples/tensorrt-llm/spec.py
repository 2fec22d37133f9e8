"""TensorRT-LLM's server, in the image that the user pins."""

from llminfra import Endpoint, GpuPool, Image, Model, ModelBucket, OnDemand, Platform, TensorRTLLM

gpus = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(0, 2), capacity=OnDemand())

platform = Platform(
    name="tensorrt-llm",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-trtllm-weights")],
    endpoints=[
        Endpoint(
            name="chat",
            model=Model(id="Qwen/Qwen3-32B"),
            engine=TensorRTLLM(
                image=Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/tensorrt-llm", tag="1.2.0"),
                max_model_len=16_384,
            ),
            on=gpus,
        )
    ],
)
