"""Llama 3.1 405B in FP8: one p5e.48xlarge holds it, or two p5.48xlarge together."""

from llminfra import VLLM, CapacityBlock, Endpoint, GpuPool, Model, ModelBucket, Parallelism, Platform, Secret

one = GpuPool(
    name="h200",
    instance_types=["p5e.48xlarge"],
    nodes=(1, 1),
    capacity=CapacityBlock(reservation_id="cr-0123456789abcdef0"),
    zones=["us-east-2b"],
)
two = GpuPool(
    name="h100",
    instance_types=["p5.48xlarge"],
    nodes=(2, 2),
    efa=True,
    capacity=CapacityBlock(reservation_id="cr-0fedcba9876543210"),
    zones=["us-east-2b"],
)
llama = Model(id="meta-llama/Llama-3.1-405B-Instruct-FP8", token=Secret(name="acme/hf-token"))

platform = Platform(
    name="llama-405b", region="us-east-2", pools=[one, two], storage=[ModelBucket(name="acme-405b-weights")]
)
platform.add(Endpoint(name="one-node", model=llama, engine=VLLM(max_model_len=32_768), on=one))
platform.add(
    Endpoint(
        name="two-nodes",
        served_name="llama-405b-two-nodes",
        model=llama,
        engine=VLLM(max_model_len=65_536),
        on=two,
        parallelism=Parallelism(tensor=8, pipeline=2),
    )
)
