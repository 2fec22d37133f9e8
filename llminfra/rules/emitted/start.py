"""Pages of the findings that planning makes about short starts: models on nodes, kept kernels, image snapshots."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN
_DISKS = "awslabs/amazon-eks-ami@81fec2e templates/al2023/runtime/bin/setup-local-disks"

RULES = (
    emitted(
        "LLM_STO_23",
        "Weights on NVMe need nodes with instance storage",
        looks_at=_PLAN,
        why="Without local disks there is no array to keep a model on; on the root volume it would fill the node and "
        "be slower than reading from S3.",
        fix="use types with instance storage in every place of the pool, or leave LocalNvme out",
        source=(_DISKS, "EC2 DescribeInstanceTypes: InstanceStorageInfo"),
    ),
    emitted(
        "LLM_STO_24",
        "Weights on NVMe have a pinned revision",
        looks_at=_PLAN,
        why="A node never copies a model that it has. A name without a commit would be the old weights on old nodes "
        "and the new ones on new nodes, behind one address.",
        fix="set Model(revision=…) to the commit that the bucket holds",
        source=("llminfra: modules/charts/llm-server/files/cache_weights.py",),
    ),
    emitted(
        "LLM_STO_25",
        "Models, images and pods' files fit on a node's NVMe",
        looks_at=_PLAN,
        why="All of them share one array. When it runs full, the kubelet evicts pods and collects images, and the node "
        "loads its models again and again.",
        fix="use a type with larger disks, spread endpoints over pools, or read from the bucket without LocalNvme",
        source=(_DISKS, "Kubernetes documentation: node-pressure eviction"),
    ),
    emitted(
        "LLM_STO_26",
        "A node has room for the next revision of its models",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Models of old revisions stay until their node goes, because running pods may still read them. A rollout "
        "to a new revision then needs new nodes.",
        fix="replace nodes with the revision, or use a type with larger disks",
        source=("llminfra: modules/charts/llm-server/files/cache_weights.py",),
    ),
    emitted(
        "LLM_STO_27",
        "Compiled kernels are kept where they can be",
        looks_at=_PLAN,
        why="Kernels are kept for one pod of vLLM or SGLang, in a bucket that llminfra may write to. Elsewhere the "
        "wish would be ignored and every pod would compile.",
        fix="leave compile_cache out, or change what the finding names",
        source=(
            "vllm 0.27.1 vllm/compilation/backends.py: torch_compile_cache/<hash>/rank_<i>_<j>",
            "SGLang documentation: torch_compile_cache",
        ),
    ),
    emitted(
        "LLM_STO_28",
        "An image snapshot holds the images that run on the pool",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="With a volume of images, containerd uses its own snapshotter, so that what the volume lacks is pulled "
        "without parallel unpacking: an outdated snapshot makes starts slower than none.",
        fix="make a new snapshot with modules/nodes/build_image_snapshot.sh whenever an engine's version changes",
        source=(
            "awslabs/amazon-eks-ami@81fec2e nodeadm/internal/containerd/config.go: FastImagePull sets snapshotter soci",
            "aws-ia/terraform-aws-eks-blueprints patterns/ml-container-cache",
        ),
    ),
)
