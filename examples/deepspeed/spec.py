"""DeepSpeed two ways: MII's server in an image of one's own, and DJL Serving's LMI container."""

import datetime as dt

from llminfra import DeepSpeedMII, DJLServing, Endpoint, GpuPool, Image, Model, ModelBucket, OnDemand, Platform, Waiver

gpus = GpuPool(name="a10g", instance_types=["g5.12xlarge"], nodes=(0, 2), capacity=OnDemand())
llama = Model(id="meta-llama/Llama-3.1-8B-Instruct")

platform = Platform(
    name="deepspeed",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-deepspeed-weights")],
    waivers=[
        Waiver(
            rule="LLM_SRV_20",
            scope="endpoints.mii",
            reason="Our fine-tuned kernels exist for DeepSpeed-MII only; the port to vLLM is under way.",
            owner="ml-platform",
            expires=dt.date(2027, 6, 30),
        ),
        Waiver(
            rule="LLM_OBS_4",
            reason="Neither server reports metrics; the GPUs are watched by the DCGM exporter.",
            owner="ml-platform",
            expires=dt.date(2027, 6, 30),
        ),
    ],
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
platform.add(
    Endpoint(name="lmi", served_name="llama-8b-lmi", model=llama, engine=DJLServing(max_model_len=8192), on=gpus)
)
