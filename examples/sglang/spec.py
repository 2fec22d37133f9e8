"""SGLang: the same words as for vLLM, its own flags underneath."""

from llminfra import Autoscaling, Endpoint, GpuPool, Model, ModelBucket, Platform, SGLang, Spot

gpus = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(0, 4), capacity=Spot())

platform = Platform(
    name="sglang",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-sglang-weights")],
    endpoints=[
        Endpoint(
            name="chat",
            model=Model(id="Qwen/Qwen3-32B"),
            engine=SGLang(max_model_len=16_384, max_num_seqs=128),
            on=gpus,
            replicas=Autoscaling(min=1, max=4),
        )
    ],
)
