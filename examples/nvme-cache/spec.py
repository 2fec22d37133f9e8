"""Short cold starts: weights on the nodes' NVMe, images from a snapshot, kernels that an earlier pod compiled."""

import datetime as dt

from llminfra import (
    VLLM,
    Autoscaling,
    Endpoint,
    GpuPool,
    ImageSnapshot,
    LocalNvme,
    Model,
    ModelBucket,
    Network,
    Platform,
    SGLang,
    Waiver,
)

# Findings of checkov that the example lives with.
ACCEPTED = {
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be copied anew.",
    ("CKV2_AWS_62", "storage.*"): "Nothing follows from new objects: new weights come by a change of this file.",
    ("CKV2_AWS_34", "endpoints.*"): "The contract of an endpoint names a secret and holds none.",
    ("CKV_K8S_11", "endpoints.*"): "A CPU limit throttles tokenization and copies; the request guarantees a share.",
    ("CKV_K8S_15", "endpoints.*"): "Images are on the nodes already; asking the registry each time is what we avoid.",
    ("CKV_K8S_22", "endpoints.*"): "CUDA libraries write outside the cache volumes; the user has no privileges at all.",
    ("CKV_K8S_43", "endpoints.*"): "Release tags of vLLM and SGLang do not move.",
}

bucket = ModelBucket(name="acme-nvme-weights")
cached = LocalNvme(source=bucket)

# Nodes of Karpenter, which come and go; those that stay for a while load their models once.
elastic = GpuPool(
    name="l40s",
    instance_types=["g6e.12xlarge"],
    nodes=(0, 6),
    image_snapshot=ImageSnapshot(id="snap-0a1b2c3d4e5f60718", images=["vllm/vllm-openai:v0.27.1"]),
)
# A managed node group, where the same goes into the launch template.
steady = GpuPool(
    name="l4",
    instance_types=["g6.12xlarge"],
    nodes=(1, 2),
    provisioner="managed",
    image_snapshot=ImageSnapshot(id="snap-0f1e2d3c4b5a69788", images=["lmsysorg/sglang:v0.5.17"], fast_restore=True),
)

platform = Platform(
    name="nvme",
    region="us-east-1",
    network=Network(zones=["us-east-1a", "us-east-1b"]),
    pools=[elastic, steady],
    storage=[bucket],
    budget_usd_per_month=60_000,
    endpoints=[
        Endpoint(
            name="chat",
            model=Model(id="Qwen/Qwen3-32B"),
            engine=VLLM(max_model_len=16_384),
            on=elastic,
            weights=cached,
            compile_cache=bucket,
            replicas=Autoscaling(min=1, max=6),
        ),
        Endpoint(
            name="draft",
            model=Model(id="Qwen/Qwen3-8B"),
            engine=SGLang(max_model_len=16_384),
            on=steady,
            replicas=4,
            weights=cached,
            compile_cache=bucket,
        ),
    ],
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="platform-security", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
)
