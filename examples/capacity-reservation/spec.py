"""A targeted capacity reservation on a managed node group, beside on-demand nodes of the same GPUs."""

from llminfra import VLLM, Endpoint, GpuPool, Model, ModelBucket, OnDemand, Platform, Reservation

reserved = GpuPool(
    name="reserved",
    instance_types=["g6e.24xlarge"],
    nodes=(2, 2),
    capacity=Reservation(reservation_id="cr-0123456789abcdef0"),
    zones=["us-west-2b"],
)
elastic = GpuPool(name="elastic", instance_types=["g6e.24xlarge", "g6e.12xlarge"], nodes=(0, 4), capacity=OnDemand())
model = Model(id="Qwen/Qwen3-32B")

platform = Platform(
    name="reserved",
    region="us-west-2",
    pools=[reserved, elastic],
    storage=[ModelBucket(name="acme-reserved-weights")],
)
platform.add(Endpoint(name="steady", model=model, engine=VLLM(max_model_len=16_384), on=reserved, replicas=4))
platform.add(
    Endpoint(name="burst", served_name="qwen3-32b-burst", model=model, engine=VLLM(max_model_len=16_384), on=elastic)
)
