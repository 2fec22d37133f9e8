"""The shortest useful spec: one model on one kind of node, everything else by default."""

from llminfra import VLLM, Endpoint, GpuPool, Model, ModelBucket, Platform

gpus = GpuPool(name="l40s", instance_types=["g6e.xlarge", "g6e.2xlarge"], nodes=(0, 2))

platform = Platform(
    name="quickstart",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-quickstart-weights")],
    endpoints=[Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(max_model_len=32_768), on=gpus)],
)
