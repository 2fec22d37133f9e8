"""LoRA adapters: three fine-tunes of one base model on one GPU, from a bucket and from the Hub."""

from llminfra import VLLM, Endpoint, GpuPool, LoraAdapter, Model, ModelBucket, Platform

gpus = GpuPool(name="l40s", instance_types=["g6e.2xlarge"], nodes=(1, 2))
bucket = ModelBucket(name="acme-lora-weights")

platform = Platform(
    name="adapters",
    region="us-east-1",
    pools=[gpus],
    storage=[bucket],
    endpoints=[
        Endpoint(
            name="chat",
            model=Model(id="Qwen/Qwen3-8B"),
            engine=VLLM(max_model_len=16_384),
            on=gpus,
            served_name="base",
            adapters=[
                # Uploaded by a training job: adapter_config.json and the weights lie directly under the key.
                LoraAdapter(name="sql", bucket=bucket, key="adapters/sql/v3", rank=16),
                LoraAdapter(name="support", bucket=bucket, key="adapters/support/v1", rank=32),
                # Copied into the bucket once, at this commit.
                LoraAdapter(
                    name="legal",
                    bucket=bucket,
                    id="acme/qwen3-8b-legal-lora",
                    revision="4c7d9b0f2a61e83d5b94c8f7016e2ad935bb4c10",
                    rank=8,
                ),
            ],
        )
    ],
)
