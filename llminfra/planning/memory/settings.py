"""A case with the engine's defaults filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.quantization import QuantFacts, quantization_from_name
from llminfra.planning.memory.case import FitCase
from llminfra.planning.memory.engine_profile import EngineProfile

SMALL_BATCH_TOKENS, LARGE_BATCH_TOKENS, LARGEST_BATCH_TOKENS = 2048, 8192, 16384
SMALL_BATCH_SEQUENCES, LARGE_BATCH_SEQUENCES = 256, 1024
LARGE_BATCH_FROM_GIB = 70
BLOCK_SIZE = 16
MLA_BLOCK_SIZE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything `estimate` computes from; a None in the case has become the engine's default here."""

    tp: int
    pp: int
    ep: int
    context_ranks: int
    dtype: str
    quant: QuantFacts | None
    kv_cache_dtype: str
    kv_element_bytes: int
    utilization: float
    max_model_len: int
    max_num_seqs: int
    max_num_batched_tokens: int
    block_size: int
    eager: bool
    with_mtp: bool
    notes: tuple[str, ...]


def resolve(
    facts: ModelFacts, case: FitCase, profile: EngineProfile, gpu: Gpu | None, total_gib: float | None
) -> Settings:
    """Fill in defaults as the engine version does."""
    notes: list[str] = []
    pp = case.pipeline_parallel or 1
    dp = case.data_parallel or 1
    if case.tensor_parallel:
        tp = case.tensor_parallel
    elif case.gpus_total:
        tp = max(1, case.gpus_total // (pp * dp))
        notes.append(f"tensor_parallel {tp}: all {case.gpus_total} GPUs of the replica")
    else:
        tp = 1
    ep = _expert_ranks(facts, case, tp, dp)
    dtype = _dtype(facts, case, gpu)
    quant = quantization(facts, case)
    kv_dtype = _kv_dtype(case, quant)
    length = case.max_model_len or _named_length(facts, case) or facts.max_position_embeddings or 2048
    if case.max_model_len is None:
        notes.append(f"max_model_len {length}: the model's own limit")
    sequences, tokens = _batch(case, facts, profile, gpu, total_gib, length)
    block = case.block_size or (MLA_BLOCK_SIZE if facts.uses_mla and profile.scheduler == "v1" else BLOCK_SIZE)
    return Settings(
        tp=tp,
        pp=pp,
        ep=ep,
        context_ranks=case.decode_context_parallel or 1,
        dtype=dtype,
        quant=quant,
        kv_cache_dtype=kv_dtype,
        kv_element_bytes=1 if kv_dtype.startswith(("fp8", "int8")) else 4 if dtype == "float32" else 2,
        utilization=case.gpu_memory_utilization or profile.gpu_memory_utilization,
        max_model_len=length,
        max_num_seqs=sequences,
        max_num_batched_tokens=tokens,
        block_size=block,
        eager=bool(case.enforce_eager),
        with_mtp=bool(case.speculative_tokens) and bool(facts.mtp_layers),
        notes=tuple(notes),
    )


def quantization(facts: ModelFacts, case: FitCase) -> QuantFacts | None:
    """The checkpoint's quantization, else what the case's name or the model's name says."""
    if facts.quantization is not None:
        return facts.quantization
    if case.quantization:
        named = quantization_from_name(case.quantization)
        if named is not None:
            return named
        if case.quantization.strip().lower() in {"compressed-tensors", "modelopt"}:
            return quantization_from_name(case.model)
        return None
    if case.config is None and case.config_ref and case.model and case.config_ref != case.model:
        # A quantized copy of a known architecture says so in its name.
        return quantization_from_name(case.model.rsplit("/", 1)[-1])
    return None


def _named_length(facts: ModelFacts, case: FitCase) -> int | None:
    """Context that a fine-tune of another model's architecture states in its name, such as ``-16k``."""
    if case.config is not None or not case.config_ref or case.model == facts.model_id:
        return None
    found = re.search(r"[-_](\d{1,4})k(?![a-z0-9])", case.model.lower())
    return int(found.group(1)) * 1024 if found else None


def _dtype(facts: ModelFacts, case: FitCase, gpu: Gpu | None) -> str:
    name = (case.dtype or "auto").lower().removeprefix("torch.")
    if name in {"half", "fp16"}:
        name = "float16"
    elif name == "bf16":
        name = "bfloat16"
    if name == "auto":
        # Engines load float32 checkpoints in 16 bit.
        name = "float16" if facts.dtype == "float32" else facts.dtype
    if name == "bfloat16" and gpu is not None and gpu.capability < 80:
        name = "float16"
    return name


def _kv_dtype(case: FitCase, quant: QuantFacts | None) -> str:
    name = (case.kv_cache_dtype or "auto").lower()
    if name == "auto" and quant is not None and quant.kv_cache_fp8 and quant.method != "fp8":
        return "fp8"
    return name


def _expert_ranks(facts: ModelFacts, case: FitCase, tp: int, dp: int) -> int:
    if not facts.is_moe or not case.expert_parallel:
        return 1
    return tp * dp if case.expert_parallel is True else max(int(case.expert_parallel), 1)


def _batch(
    case: FitCase, facts: ModelFacts, profile: EngineProfile, gpu: Gpu | None, total_gib: float | None, length: int
) -> tuple[int, int]:
    if profile.scheduler == "v0":
        sequences = case.max_num_seqs or profile.default_sequences
        if case.max_num_batched_tokens:
            return sequences, case.max_num_batched_tokens
        # Prompts are not cut below 32K of context; above, chunked prefill starts by default (0.4.3 to 0.7).
        chunked = length > 32768 and profile.version >= (0, 5, 4) and not facts.encoders
        tokens = 2048 if chunked and profile.version >= (0, 6, 4) else 512 if chunked else max(length, 2048)
        return sequences, tokens
    large = total_gib is not None and total_gib >= LARGE_BATCH_FROM_GIB
    name = gpu.name if gpu is not None else ""
    if large and profile.a100_small_batch and "a100" in name:
        large = False
    many = LARGE_BATCH_SEQUENCES if large else SMALL_BATCH_SEQUENCES
    sequences = case.max_num_seqs or profile.default_sequences or many
    if profile.large_batch_by_name:
        large = "h100" in name or "h200" in name
    tokens = case.max_num_batched_tokens or (LARGE_BATCH_TOKENS if large else SMALL_BATCH_TOKENS)
    largest = profile.large_batch_from_gib
    if case.max_num_batched_tokens is None and largest and total_gib is not None and total_gib >= largest:
        tokens = LARGEST_BATCH_TOKENS
    return min(sequences, tokens), tokens
