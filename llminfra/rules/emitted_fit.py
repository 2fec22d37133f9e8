"""Pages of the findings that planning makes about models, engines and GPUs."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN

RULES = (
    emitted(
        "LLM_FIT_1",
        "The weights fit the GPUs",
        looks_at=_PLAN,
        why="An engine whose weights exceed the memory fails after the node has booted and the weights have loaded.",
        fix="use the pool, parallelism or quantization that the finding names",
        source=("vllm-project/vllm#17939", "vllm-project/vllm vllm/v1/worker/utils.py: Free memory on device"),
    ),
    emitted(
        "LLM_FIT_2",
        "Attention heads divide by the tensor parallelism",
        looks_at=_PLAN,
        why="Every rank takes the same number of heads; engines refuse the rest.",
        fix="use a tensor parallelism that divides the heads",
        source=("vllm-project/vllm#414", "vllm-project/vllm vllm/config/model.py"),
    ),
    emitted(
        "LLM_FIT_3",
        "The model's architecture is known",
        looks_at=_PLAN,
        why="A guess about layers and heads would prove nothing.",
        fix="use a catalog id, or give the model's config.json",
        source=("llminfra: three ways to name a model",),
    ),
    emitted(
        "LLM_FIT_4",
        "The context length is within the model's",
        looks_at=_PLAN,
        why="Beyond its trained positions a model answers noise; engines refuse it.",
        fix="lower max_model_len",
        source=("vllm-project/vllm#17924",),
    ),
    emitted(
        "LLM_FIT_5",
        "The GPU can run the quantization",
        looks_at=_PLAN,
        why="Kernels need a compute capability; without it the engine stops at start-up.",
        fix="use the quantization or the GPU that the finding names",
        source=("vllm-project/vllm quantization: get_min_capability", "vllm-project/vllm#4327"),
    ),
    emitted(
        "LLM_FIT_6",
        "The pool has the GPUs that replicas need",
        looks_at=_PLAN,
        why="Pods beyond the pool's maximum stay Pending for ever.",
        fix="raise the pool's maximum, or lower replicas or parallelism",
        source=("Kubernetes scheduling: Insufficient nvidia.com/gpu",),
    ),
    emitted(
        "LLM_FIT_7",
        "The engine's version knows every flag and variable",
        looks_at=_PLAN,
        why="An unknown flag ends the process; an unknown variable is ignored without a word.",
        fix="remove it, or pin a version that has it",
        source=("vllm-project/vllm releases: engine arguments and vllm/envs.py",),
    ),
    emitted(
        "LLM_FIT_8",
        "The engine's version is known",
        looks_at=_PLAN,
        why="Flags, metrics and memory overhead are recorded by version.",
        fix="use a version that the finding lists",
        source=("vllm-project/vllm releases",),
    ),
    emitted(
        "LLM_FIT_9",
        "The KV cache holds one request of full length",
        looks_at=_PLAN,
        why="The engine refuses to start when a single request of max_model_len would not fit.",
        fix="lower max_model_len, quantize the KV cache, or use more GPUs",
        source=("vllm-project/vllm#2418", "vllm-project/vllm vllm/v1/core/kv_cache_planning.py"),
    ),
    emitted(
        "LLM_FIT_10",
        "At their most, replicas fit the pool",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="The last replicas of the autoscaler would stay Pending while it waits for them.",
        fix="raise the pool's maximum, or lower the replicas' maximum",
        source=("Kubernetes scheduling: Insufficient nvidia.com/gpu",),
    ),
    emitted(
        "LLM_FIT_11",
        "A replica larger than a node fills whole nodes",
        looks_at=_PLAN,
        why="Ranks are spread evenly over the nodes of a group.",
        fix="use tensor parallelism within the node and pipeline parallelism between nodes",
        source=("vllm-project/vllm docs/serving/parallelism_scaling.md",),
    ),
    emitted(
        "LLM_FIT_12",
        "A replica holds the declared concurrency",
        looks_at=_PLAN,
        why="The engine starts, and then preempts requests that the declaration promised to hold.",
        fix="lower concurrency or max_model_len, or use more GPUs",
        source=("vllm-project/vllm vllm/v1/core/kv_cache_planning.py: Maximum concurrency",),
    ),
    emitted(
        "LLM_FIT_13",
        "The model's config.json can be read",
        looks_at=_PLAN,
        why="Memory is computed from it.",
        fix="download config.json of the repository and name its path relative to the spec file",
        source=("Hugging Face transformers: configuration",),
    ),
    emitted(
        "LLM_FIT_14",
        "A replica over several nodes has an image with EFA",
        looks_at=_PLAN,
        why="Without libfabric and the NCCL plug-in in the image, NCCL falls back to TCP without a word.",
        fix="use a version that the finding lists, or an own image with Image(…, efa=True)",
        source=("vllm-project/vllm#55635", "aws/aws-ofi-nccl#1063"),
    ),
)
