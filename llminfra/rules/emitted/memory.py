"""Pages of what the memory model says of a start."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN

RULES = (
    emitted(
        "LLM_MEM_0",
        "The engine starts",
        severity=Severity.INFO,
        looks_at=_PLAN,
        why="Weights, activations, graphs and one request of full length fit the memory that the driver reports.",
        fix="nothing to do; the text says how much cache is left",
        source=("llminfra: memory model, docs/memory.md",),
    ),
    emitted(
        "LLM_MEM_1",
        "The weights fit the device",
        looks_at=_PLAN,
        why="The engine runs out of memory while it loads the weights.",
        fix="use more GPUs, a larger GPU, or a quantization",
        source=("vllm-project/vllm#17939", "llminfra: docs/memory.md"),
    ),
    emitted(
        "LLM_MEM_2",
        "Something is left for the KV cache",
        looks_at=_PLAN,
        why="Weights and activations take the whole budget; the engine has no block of cache to serve from.",
        fix="raise gpu_memory_utilization, lower max_num_seqs, or use more GPUs",
        source=("vllm-project/vllm vllm/v1/core/kv_cache_planning.py: No available memory for the cache blocks",),
    ),
    emitted(
        "LLM_MEM_3",
        "One request of full length fits the KV cache",
        looks_at=_PLAN,
        why="The engine refuses to start when a single request of max_model_len would not fit. A plan has "
        "LLM_FIT_9 for the same fact.",
        fix="lower max_model_len, quantize the KV cache, or use more GPUs",
        source=("vllm-project/vllm#2418", "vllm-project/vllm vllm/v1/core/kv_cache_planning.py"),
    ),
    emitted(
        "LLM_MEM_4",
        "The utilization leaves room for the CUDA context",
        looks_at=_PLAN,
        why="The budget is a share of the whole device, and part of it is already taken when the engine asks.",
        fix="lower gpu_memory_utilization",
        source=("vllm-project/vllm vllm/v1/worker/utils.py: Free memory on device",),
    ),
    emitted(
        "LLM_MEM_5",
        "CUDA graphs and states fit beside the budget",
        looks_at=_PLAN,
        why="Graphs, context and recurrent states are allocated after the cache took its share.",
        fix="lower gpu_memory_utilization or max_num_seqs, or set enforce_eager=True",
        source=("vllm-project/vllm#27508", "llminfra: docs/memory.md"),
    ),
    emitted(
        "LLM_MEM_6",
        "The engine starts by more than the estimate may be wrong",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="What is left beside one request of full length is less than the memory model's own error, so the start"
        " may fail; or graphs have what the largest batch or image would take, so that such a request may.",
        fix="lower max_model_len or max_num_batched_tokens, raise gpu_memory_utilization (lower it where graphs lack"
        " memory beside it), or use more GPUs",
        source=("llminfra: planned against measured start-ups, docs/memory.md",),
    ),
    emitted(
        "LLM_MEM_7",
        "Every sequence finds a block for its recurrent state",
        looks_at=_PLAN,
        why="Models with recurrent layers take a block of the cache for each sequence when decoding is captured, and"
        " the default of 1024 sequences on large devices may exceed the blocks there are. SGLang counts three to five"
        " states for each request and does not start with fewer.",
        fix="set max_num_seqs to the number that is named, or raise gpu_memory_utilization (SGLang:"
        " mem_fraction_static)",
        source=(
            "vllm-project/vllm vllm/config/compilation.py: exceeds available Mamba cache blocks",
            "sgl-project/sglang v0.5.13 model_runner_kv_cache_mixin.py: _resolve_max_num_reqs",
        ),
    ),
    emitted(
        "LLM_MEM_9",
        "The requests that are promised are held by more than the estimate may be wrong",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="The cache of a measured start may be smaller than estimated. Requests that it does not hold then wait, or"
        " are preempted and computed once more (vllm:num_preemptions rises), and answers take longer than promised.",
        fix="set concurrency to what a replica holds at least, lower max_model_len, or add replicas",
        source=("llminfra: planned against measured start-ups, docs/memory.md",),
    ),
)
