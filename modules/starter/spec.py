"""The platform of this repository: change names, region and models, then run `make plan`."""

from llminfra import VLLM, Autoscaling, Endpoint, GpuPool, LocalState, Model, ModelBucket, Network, Platform, Spot

gpus = GpuPool(name="l40s", instance_types=["g6e.xlarge", "g6e.2xlarge"], nodes=(0, 2), capacity=Spot())
weights = ModelBucket(name="@name@-llm-weights")

platform = Platform(
    name="@name@",
    region="us-east-1",
    network=Network(cidr="10.0.0.0/16"),
    pools=[gpus],
    storage=[weights],
    # For a team: S3State(bucket="…") keeps the state in S3, encrypted and locked.
    state=LocalState(),
    tags={"repository": "@name@"},
)
platform.add(
    Endpoint(
        name="chat",
        model=Model(id="Qwen/Qwen3-8B"),
        engine=VLLM(max_model_len=32_768),
        on=gpus,
        replicas=Autoscaling(min=1, max=2),
    )
)
