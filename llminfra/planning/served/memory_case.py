"""An endpoint as the memory model asks for it; the device and the spread are left open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.memory import FitCase
from llminfra.spec.engines.vllm import VLLM

if TYPE_CHECKING:
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.served.engine_settings import EngineSettings
    from llminfra.spec.endpoint import Endpoint


def memory_case(endpoint: Endpoint, facts: ModelFacts, engine: EngineSettings, gpu: str | None = None) -> FitCase:
    """The engine's settings at the context length that the endpoint has.

    Args:
        endpoint: The declaration.
        facts: Its model.
        engine: Its engine's settings.
        gpu: Device of a pool.
    """
    return FitCase(
        model=facts.model_id,
        engine=engine.kind,
        engine_version=engine.memory_version,
        gpu=gpu,
        dtype=None if endpoint.model.dtype == "auto" else endpoint.model.dtype,
        quantization=endpoint.model.quantization,
        kv_cache_dtype=engine.kv_cache_dtype,
        max_model_len=engine.max_model_len or facts.max_position_embeddings,
        max_num_seqs=engine.max_num_seqs,
        max_num_batched_tokens=engine.max_num_batched_tokens,
        gpu_memory_utilization=engine.gpu_memory_utilization,
        enforce_eager=engine.enforce_eager,
        enable_prefix_caching=None if getattr(endpoint.engine, "prefix_caching", True) else False,
        limit_mm_per_prompt=_limits(endpoint),
        language_model_only=getattr(endpoint.engine, "language_model_only", False) or None,
    )


def _limits(endpoint: Endpoint) -> dict[str, int] | None:
    engine = endpoint.engine
    limits = engine.limit_mm_per_prompt if isinstance(engine, VLLM) else {}
    return {str(name): count for name, count in limits.items()} or None
