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
    emitted(
        "LLM_STO_29",
        "FlashInfer's trials of kernels end before the startup probe does",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="vLLM has FlashInfer try every kernel for every number of tokens before it serves, and writes the choices "
        "down when all are made. Where that takes longer than the startup probe waits, the kubelet ends the container "
        "each time, and no start comes further than the one before. Two hours were measured where experts are read "
        "from the host's memory; with experts in MXFP4 on compute capability 10.3 (B300, GB300) ten minutes, and a "
        "start that was given up after forty without a line of log.",
        fix="name the operation with flashinfer:: before it in VLLM_FLASHINFER_AUTOTUNE_SKIP_OPS (since 0.26.0), or "
        "pass --no-enable-flashinfer-autotune (since 0.16.0): FlashInfer then takes its own guess of a kernel. "
        "--moe-backend marlin has no trials, and slower kernels. The log of 0.33.0 names "
        "--disable-flashinfer-autotune, which is no option of vLLM",
        source=(
            "vllm-project/vllm#58031: trials of trtllm_fp4_block_scale_moe on GB300",
            "vllm 0.16.0 to 0.33.0 vllm/model_executor/warmup/kernel_warmup.py, vllm/engine/arg_utils.py",
            "flashinfer 0.6.18.post1, 0.7.2.post1 flashinfer/autotuner: names of skip_ops are compared whole",
        ),
        seen=(
            "Container … failed startup probe, will be restarted",
            "[AutoTuner]: Tuning flashinfer::trtllm_fp4_block_scale_moe",
        ),
    ),
    emitted(
        "LLM_STO_30",
        "Ranks do not wait for trials that one of them leaves out",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="vLLM 0.27.0 to 0.31.0 gives the choices of rank 0 to all ranks, and FlashInfer sums up the times of each "
        "trial over all of them. Kernels whose choices carry the rank, or differ by it, are found by rank 0 alone: it "
        "skips the trial that the others wait in. A first start works and leaves what the next one hangs on, so "
        "llminfra keeps no choices of such replicas in compile_cache; but a container that starts again finds them on "
        "its pod's own volume.",
        fix="use vLLM 0.32.0 or later, or leave the trials out by --no-enable-flashinfer-autotune",
        source=(
            "vllm-project/vllm#57423 (H100, 0.29.1rc1), #54618",
            "vllm 0.27.0 to 0.33.0 vllm/model_executor/warmup/kernel_warmup.py: flashinfer_autotune",
            "flashinfer 0.6.18.post1 flashinfer/fused_moe/core.py: MoERunner.get_cache_key_extras",
        ),
        seen=("[Autotuner]: Config cache hit for … (runner=…, source=config file)",),
    ),
)
