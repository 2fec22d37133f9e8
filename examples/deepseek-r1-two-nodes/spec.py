"""DeepSeek-R1 in FP8 over two p5en.48xlarge: pipeline between the nodes over EFA, tensor inside."""

from llminfra import VLLM, CapacityBlock, Endpoint, GpuPool, Lustre, Model, ModelBucket, Parallelism, Platform

bucket = ModelBucket(name="acme-deepseek-weights")
weights = Lustre(name="weights", capacity_gib=9600, throughput_mbps_per_tib=1000, source=bucket, zone="us-east-2a")
h200 = GpuPool(
    name="h200",
    instance_types=["p5en.48xlarge"],
    nodes=(2, 2),
    efa=True,
    capacity=CapacityBlock(reservation_id="cr-0123456789abcdef0"),
    zones=["us-east-2a"],
)
h100 = GpuPool(
    name="h100",
    instance_types=["p5.48xlarge"],
    nodes=(2, 2),
    efa=True,
    capacity=CapacityBlock(reservation_id="cr-0fedcba9876543210"),
    zones=["us-east-2a"],
)
r1 = Model(id="deepseek-ai/DeepSeek-R1")

platform = Platform(name="deepseek", region="us-east-2", pools=[h200, h100], storage=[bucket, weights])
platform.add(
    Endpoint(
        name="r1",
        model=r1,
        engine=VLLM(max_model_len=65_536),
        on=h200,
        weights=weights,
        parallelism=Parallelism(tensor=8, pipeline=2),
        # kubectl -n llm-serving create job --from=cronjob/r1-nccl r1-nccl-1: which network does NCCL use?
        preflight=True,
    )
)
platform.add(
    Endpoint(
        name="r1-small",
        served_name="deepseek-r1-small",
        model=r1,
        engine=VLLM(max_model_len=32_768),
        on=h100,
        weights=weights,
    )
)
