"""DeepSpeed two ways: MII's server in an image of one's own, and DJL Serving's LMI container."""

from llminfra import DeepSpeedMII, DJLServing, Endpoint, GpuPool, Image, Model, ModelBucket, OnDemand, Platform

gpus = GpuPool(name="a10g", instance_types=["g5.12xlarge"], nodes=(0, 2), capacity=OnDemand())
llama = Model(id="meta-llama/Llama-3.1-8B-Instruct")

platform = Platform(
    name="deepspeed", region="us-east-1", pools=[gpus], storage=[ModelBucket(name="acme-deepspeed-weights")]
)
platform.add(
    Endpoint(
        name="mii",
        model=llama,
        engine=DeepSpeedMII(
            image=Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/deepspeed-mii", tag="0.3.3"),
            max_model_len=4096,
        ),
        on=gpus,
    )
)
platform.add(Endpoint(name="lmi", model=llama, engine=DJLServing(max_model_len=8192), on=gpus))
