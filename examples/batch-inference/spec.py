"""A model over every line of the files under a prefix: nightly on spot instances, a large one on two with EFA."""

import datetime as dt

from llminfra import VLLM, BatchInference, BatchQueue, CapacityBlock, Image, Model, ModelBucket, Platform, Waiver

# Findings that this platform lives with: why, and until when somebody answers for it.
ACCEPTED = {
    ("CKV2_AWS_62", "*"): "Nothing consumes events of these buckets: jobs are submitted by schedule.",
    ("CKV_AWS_144", "*"): "Weights can be uploaded anew; the runner's archive is made by every apply.",
    ("CKV_AWS_18", "*"): "CloudTrail data events record every access; access logs would repeat them.",
}

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

# A model that two instances hold together. The image is AWS' own for vLLM with EFA, with `ENTRYPOINT []`.
judge = BatchInference(
    name="judge",
    model=Model(id="deepseek-ai/DeepSeek-R1"),
    engine=VLLM(
        max_model_len=32_768,
        image=Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/vllm-efa", tag="0.27.1-1", efa=True),
    ),
    input="s3://acme-batch/drafts/",
    output="s3://acme-batch/verdicts/",
    on=BatchQueue(
        instance_types=["p5.48xlarge"],
        max_instances=2,
        efa=True,
        spot=False,
        reservation=CapacityBlock(reservation_id="cr-0123456789abcdef0"),
        zones=["us-east-1a"],
    ),
)

platform = Platform(
    name="batch",
    region="us-east-1",
    storage=[ModelBucket(name="acme-batch-weights")],
    budget_usd_per_month=95_000,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
    batches=[nightly, judge],
)
