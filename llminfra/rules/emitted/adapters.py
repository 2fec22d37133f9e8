"""Pages of the findings that planning makes about what an endpoint has beside its model: adapters, a pre-flight."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN

RULES = (
    emitted(
        "LLM_FIT_39",
        "The engine serves LoRA adapters here",
        looks_at=_PLAN,
        why="llminfra knows the adapter flags of vLLM and SGLang, and mounts adapters into pods by Mountpoint for S3.",
        fix="use VLLM or SGLang on a GpuPool, or merge the adapter into the weights",
        source=("vllm-project/vllm docs/features/lora.md", "sgl-project/sglang docs/advanced_features/lora.ipynb"),
    ),
    emitted(
        "LLM_FIT_40",
        "Adapters have names of their own",
        looks_at=_PLAN,
        why="Callers choose an adapter by the model name of the request; one of two with the same name is never "
        "reached.",
        fix="rename the adapter that the finding names",
        source=("vllm-project/vllm docs/features/lora.md: serving LoRA adapters",),
    ),
    emitted(
        "LLM_FIT_41",
        "A pre-flight has a network to look at",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="The job shows which network NCCL uses between nodes; inside a node it uses NVLink or PCIe.",
        fix="leave preflight out of endpoints on one node or without EFA",
        source=("aws/aws-ofi-nccl#1063: NCCL falls back to TCP without a word",),
    ),
)
