"""DeepSeek-R1 with its experts spread over the GPUs of two p5en.48xlarge, and a copy of attention on each GPU."""

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

platform = Platform(name="wide-ep", region="us-east-2", pools=[h200], storage=[bucket, weights])
platform.add(
    Endpoint(
        name="r1",
        model=Model(id="deepseek-ai/DeepSeek-R1"),
        engine=VLLM(max_model_len=65_536),
        on=h200,
        weights=weights,
        # 16 of 256 experts and a whole cache on each GPU: more requests at once than stages would hold.
        parallelism=Parallelism(tensor=1, data=16, expert=True),
        concurrency=64,
    )
)
