"""Settings of the spec that a server has no argument or variable for.

A wish that nobody passes on would change the plan and not what runs. Servers as in their adapters here: DeepSpeed-MII
mii/entrypoints/openai_api_server.py (model, host, port, tensor parallelism, length), TensorRT-LLM
tensorrt_llm/commands/serve.py (the rest stands in a file of ``--extra_llm_api_options``), Text Generation Inference
launcher/src/main.rs (prefix caching is switched by the server itself).
"""

from __future__ import annotations

_UNTOLD: dict[str, tuple[str, ...]] = {
    "mii": (
        "max_num_seqs",
        "max_num_batched_tokens",
        "gpu_memory_utilization",
        "kv_cache_dtype",
        "prefix_caching",
        "enforce_eager",
    ),
    "trtllm": ("kv_cache_dtype", "prefix_caching", "enforce_eager"),
    "tgi": ("prefix_caching",),
}


def untold_fields(engine: str) -> tuple[str, ...]:
    """Fields of ``LlmEngine`` that the engine of this kind cannot be told."""
    return _UNTOLD.get(engine, ())
