"""Pages of the findings that planning makes about GPUs that pods share."""

from __future__ import annotations

from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN
_MIG = "NVIDIA MIG User Guide"

RULES = (
    emitted(
        "LLM_CAP_10",
        "GPUs are not time-sliced between tenants",
        looks_at=_PLAN,
        why="Time slicing isolates no memory: a process can read what another left in GPU memory, and one tenant's "
        "out-of-memory ends the other's server.",
        fix="use Mig(…) for several tenants, or one pool for each",
        source=(
            "NVIDIA GPU Operator documentation: time-slicing GPUs, limitations",
            "aws-eks-best-practices aiml_compute",
        ),
    ),
    emitted(
        "LLM_CAP_33",
        "The GPU has the MIG profile",
        looks_at=_PLAN,
        why="Profiles carry the memory of the device in their name: 3g.40gb of an H100 is 3g.71gb of an H200; a node "
        "that cannot make its slices stays out of the cluster.",
        fix="use a profile that the finding lists, or leave sharing out",
        source=(f"{_MIG}: supported MIG profiles",),
    ),
    emitted(
        "LLM_CAP_34",
        "Shared GPUs have no EFA",
        looks_at=_PLAN,
        why="A replica on a share has one share of one GPU, so nothing would go over the fabric; MIG has no peer "
        "access, and NCCL cannot use two slices from one process group.",
        fix="drop efa=True, or use whole GPUs",
        source=(f"{_MIG}: deployment considerations, application considerations",),
    ),
    emitted(
        "LLM_CAP_35",
        "Nodes with shared GPUs are not started by Karpenter",
        looks_at=_PLAN,
        why="Karpenter plans with the GPUs of the instance type until the node has joined: it starts several nodes "
        "where one would do. Its NodeOverlay, which would tell it, is alpha.",
        fix="leave provisioner to llminfra, or set provisioner='managed'",
        source=("kubernetes-sigs/karpenter#729", "kubernetes-sigs/karpenter#2140"),
    ),
    emitted(
        "LLM_CAP_36",
        "A replica on shared GPUs has one share",
        looks_at=_PLAN,
        why="Slices have no peer access, and two time slices may be of one GPU: tensor parallelism over them fails or "
        "is slower than one share.",
        fix="leave parallelism out, use a larger profile, or whole GPUs",
        source=(f"{_MIG}: deployment considerations", "NVIDIA/k8s-device-plugin README.md: failRequestsGreaterThanOne"),
    ),
    emitted(
        "LLM_CAP_37",
        "Time slices share a GPU's memory without overlap",
        looks_at=_PLAN,
        why="Every process sees all the memory of the GPU. vLLM takes a share of the whole, so that several fit if "
        "their shares add up to less than one; other engines take what is free when they start.",
        fix="use VLLM, and leave gpu_memory_utilization out or set it to at most the share",
        source=("vllm-project/vllm vllm/config/cache.py: gpu_memory_utilization is per instance",),
    ),
)
