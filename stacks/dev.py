"""The cheapest useful platform: one 8B model on one small L4 node, no Lustre, local state."""

from llminfra import VLLM, Cluster, Endpoint, GpuPool, Model, ModelBucket, Network, Platform, Spot, SystemNodes

l4 = GpuPool(name="l4", instance_types=["g6.xlarge", "g6.2xlarge"], nodes=(0, 1), capacity=Spot())
weights = ModelBucket(name="acme-dev-llm-weights")

platform = Platform(
    name="acme-dev",
    region="us-east-1",
    network=Network(cidr="10.30.0.0/16", nat="single", flow_logs_days=30),
    cluster=Cluster(
        system_nodes=SystemNodes(instance_types=["t3.large"], nodes=(2, 3)), log_days=30, deletion_protection=False
    ),
    pools=[l4],
    storage=[weights],
    tags={"team": "ml-platform", "environment": "dev"},
    endpoints=[
        Endpoint(
            name="small",
            model=Model(id="Qwen/Qwen3-8B", quantization="fp8"),
            engine=VLLM(max_model_len=8_192, max_num_seqs=64),
            on=l4,
        )
    ],
)
