"""Which settings of a configuration can still be changed to make it smaller: for all who try such changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.engines.untold import untold_fields
from llminfra.planning.hardware.attention_support import takes_fp8_cache

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.memory.inputs.case import FitCase, FitResult

LEAST_STEP, LEAST_SEQUENCES = 512, 8
_QUANTIZE_WHILE_LOADING = frozenset({"vllm", "sglang"})


def told(engine: str, field: str) -> bool:
    """Whether an engine can be told of a field of ``LlmEngine`` at all."""
    return field not in untold_fields(engine)


def halves(now: int | None, least: int) -> list[int]:
    """Powers of two below ``now``, the largest first."""
    powers = [2**power for power in range((now or 0).bit_length(), -1, -1)]
    return [size for size in powers if least <= size < (now or 0)]


def smaller_steps(engine: str, result: FitResult, sequences: int | None) -> list[int]:
    """Fewer tokens in a scheduler step: less memory for activations, slower prompts."""
    possible = told(engine, "max_num_batched_tokens")
    return halves(result.max_num_batched_tokens, max(LEAST_STEP, sequences or 0)) if possible else []


def fewer_sequences(engine: str, now: int | None, least: int = LEAST_SEQUENCES) -> list[int]:
    """Fewer sequences in a batch: less memory for the sampler and the graphs."""
    return halves(now, least) if told(engine, "max_num_seqs") else []


def has_graphs(engine: str, result: FitResult) -> bool:
    """Whether CUDA graphs can be left out."""
    return bool(result.cuda_graph_gib) and told(engine, "enforce_eager")


def has_towers(facts: ModelFacts, case: FitCase) -> bool:
    """Whether towers for images and sound can be left out."""
    return case.engine == "vllm" and bool(facts.encoders) and not case.language_model_only


def has_wide_cache(
    engine: str, release: EngineRelease | None, facts: ModelFacts, result: FitResult, gpu: Gpu | None
) -> bool:
    """Whether the cache can take eight bits for every element."""
    wide = told(engine, "kv_cache_dtype") and result.kv_cache_dtype == "auto"
    return wide and gpu is not None and takes_fp8_cache(gpu, facts, engine, release)


def has_wide_weights(facts: ModelFacts, case: FitCase) -> bool:
    """Whether the weights can become eight bits while they load; what the GPU makes of it is asked elsewhere."""
    return case.engine in _QUANTIZE_WHILE_LOADING and facts.quantization is None and not case.quantization
