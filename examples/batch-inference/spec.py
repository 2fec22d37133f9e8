"""Every night, a model over every line of the files under a prefix: AWS Batch on spot instances, else on demand."""

from llminfra import VLLM, BatchInference, BatchQueue, Model, ModelBucket, Platform

nightly = BatchInference(
    name="nightly",
    model=Model(id="Qwen/Qwen3-8B"),
    engine=VLLM(max_model_len=8_192, max_num_seqs=256),
    input="s3://acme-batch/requests/",
    output="s3://acme-batch/answers/",
    on=BatchQueue(instance_types=["g6e.2xlarge", "g6e.4xlarge"], max_instances=4),
    jobs=4,
    concurrency=256,
    schedule="cron(0 2 * * ? *)",
)

platform = Platform(
    name="batch",
    region="us-east-1",
    storage=[ModelBucket(name="acme-batch-weights")],
    batches=[nightly],
)
