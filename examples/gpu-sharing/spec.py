"""GPU sharing: two tenants on MIG slices of H100, and one tenant's small models that take turns on L4."""

from llminfra import VLLM, Endpoint, GpuPool, Mig, Model, ModelBucket, Platform, TimeSlicing

# Each of the 8 GPUs becomes two slices with memory and faults of their own.
slices = GpuPool(
    name="h100-halves",
    instance_types=["p5.48xlarge"],
    nodes=(1, 1),
    sharing=Mig(profile="3g.40gb", tenants=["search", "support"]),
)
# Nothing isolates memory here, so there is one tenant; the planner halves gpu_memory_utilization.
turns = GpuPool(
    name="l4-shared",
    instance_types=["g6.2xlarge"],
    nodes=(1, 2),
    sharing=TimeSlicing(replicas=2, tenants=["labs"]),
)

platform = Platform(
    name="sharing",
    region="us-east-1",
    pools=[slices, turns],
    storage=[ModelBucket(name="acme-sharing-weights")],
    endpoints=[
        Endpoint(
            name="search",
            model=Model(id="Qwen/Qwen3-8B"),
            engine=VLLM(max_model_len=16_384),
            on=slices,
            replicas=4,
        ),
        Endpoint(
            name="support",
            model=Model(id="meta-llama/Llama-3.1-8B-Instruct"),
            engine=VLLM(max_model_len=16_384),
            on=slices,
            replicas=2,
        ),
        Endpoint(
            name="drafts",
            model=Model(id="Qwen/Qwen3-1.7B", revision="70d244cc86ccca08cf5af4e1e306ecf908b1ad5e"),
            engine=VLLM(max_model_len=8_192, max_num_seqs=32),
            on=turns,
            replicas=2,
        ),
    ],
)
