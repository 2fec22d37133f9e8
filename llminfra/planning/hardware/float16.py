"""Models that engines do not run in float16, in which others fall back where a GPU has no bfloat16."""

from __future__ import annotations

from llminfra.planning.facts import numbers


def float16_refused_since(engine: str, architecture: str) -> str | None:
    """Release of vLLM since which a model's class is refused in float16; ``None`` where it never is.

    With ``dtype="auto"`` such a model is run in float32 on GPUs without bfloat16 (``_resolve_auto_dtype`` of
    vllm/config/model.py 0.9.1 to 0.33.0).
    """
    since: dict[str, str] = numbers("gpu_support")["no_float16_since"]["value"]
    return since.get(architecture) if engine == "vllm" else None
