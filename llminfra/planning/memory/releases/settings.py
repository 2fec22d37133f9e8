"""A case with the engine's defaults filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.mixers import Attention, GatedDeltaNet, KimiDelta, SharedCompression
from llminfra.catalog.models.quantization import QuantFacts
from llminfra.catalog.models.quantization_config import parse_quantization_config
from llminfra.catalog.models.quantization_names import quantization_from_name
from llminfra.planning.hardware.float16 import float16_refused_since
from llminfra.planning.memory.cache.shared_states import SHARED_BLOCK
from llminfra.planning.memory.inputs.case import FitCase
from llminfra.planning.memory.releases.adapter_rules import AdapterSettings, adapter_settings
from llminfra.planning.memory.releases.engine_profile import EngineProfile, is_release, parse_version
from llminfra.planning.memory.releases.pooling import takes_whole, whole_batch

SMALL_BATCH_TOKENS, LARGE_BATCH_TOKENS, LARGEST_BATCH_TOKENS = 2048, 8192, 16384
SMALL_BATCH_SEQUENCES, LARGE_BATCH_SEQUENCES = 256, 1024
LARGE_BATCH_FROM_GIB = 70
BLOCK_SIZE = 16
MLA_BLOCK_SIZE = 64
HOPPER, HOPPER_SHARED_BLOCK = 9, 64
WITH_PREFILL_KERNELS = frozenset({9, 10, 12})
"""Major capabilities that FlashInfer's and FlashKDA's kernels for prompts run on."""
BLACKWELL = 10
"""Major compute capability of B200 and B300; 12 is that of workstation cards."""


class Settings(Struct, frozen=True, kw_only=True):
    """Everything `estimate` computes from; a None in the case has become the engine's default here."""

    tp: int
    pp: int
    ep: int
    dp: int
    context_ranks: int
    dtype: str
    quant: QuantFacts | None
    kv_cache_dtype: str
    kv_element_bytes: float
    moe_tp: int
    utilization: float
    max_model_len: int
    max_num_seqs: int
    max_num_batched_tokens: int
    block_size: int
    eager: bool
    compiled: bool
    with_mtp: bool
    states: int
    drafted: int
    in_flight_tokens: int
    driver: str | None
    custom_all_reduce: bool
    moe_backend: str | None
    attention_backend: str | None
    plain_sparse: str
    adapters: AdapterSettings | None
    unread_layout: bool
    notes: tuple[str, ...]

    @property
    def element_bytes(self) -> int:
        """Bytes of one activation."""
        return 4 if self.dtype == "float32" else 2


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
        tp = max(1, case.gpus_total // (pp * (1 if case.data_parallel_attention else dp)))
        notes.append(f"tensor_parallel {tp}: all {case.gpus_total} GPUs of the replica")
    else:
        tp = 1
    ep = expert_ranks(facts, case, tp, dp)
    dtype = _dtype(facts, case, gpu, profile)
    quant = quantization(facts, case)
    kv_dtype = _kv_dtype(case, quant)
    named = _named_length(facts, case, profile)
    length = case.max_model_len or named or facts.max_position_embeddings or 2048
    if case.max_model_len is None:
        origin = (
            "the model's name" if named else "the model's own limit" if facts.max_position_embeddings else "assumed"
        )
        notes.append(f"max_model_len {length}: {origin}")
    sequences, tokens = _batch(case, facts, profile, gpu, total_gib, length)
    adapters = adapter_settings(facts, case, profile)
    notes += adapters.notes if adapters is not None else ()
    block = case.block_size or _block_size(facts, profile, gpu)
    return Settings(
        tp=tp,
        pp=pp,
        ep=ep,
        # Data-parallel ranks of a dense model are engines of their own; how others gather is not known.
        dp=dp if facts.is_moe and case.engine == "vllm" else 1,
        context_ranks=case.decode_context_parallel or 1,
        dtype=dtype,
        quant=quant,
        kv_cache_dtype=kv_dtype,
        kv_element_bytes=kv_element_bytes(kv_dtype, dtype, facts.head_dim),
        moe_tp=tp if ep > 1 else tp * dp,
        utilization=case.gpu_memory_utilization or profile.gpu_memory_utilization,
        max_model_len=length,
        max_num_seqs=sequences,
        max_num_batched_tokens=tokens,
        block_size=block,
        eager=bool(case.enforce_eager),
        compiled=bool(case.compiled),
        with_mtp=bool(case.speculative_tokens) and bool(facts.mtp_layers),
        states=_states(facts, case, profile, gpu),
        drafted=case.speculative_tokens or 0,
        in_flight_tokens=tokens * _concurrent_batches(facts, profile, pp),
        driver=case.driver,
        custom_all_reduce=not case.disable_custom_all_reduce,
        moe_backend=case.moe_backend,
        attention_backend=case.attention_backend,
        plain_sparse=profile.plain_sparse if gpu is not None and gpu.capability // 10 == BLACKWELL else "",
        adapters=adapters,
        unread_layout=quant is not None
        and not quant.online
        and quant is not facts.quantization
        and refers(facts, case),
        notes=tuple(notes),
    )


def _block_size(facts: ModelFacts, profile: EngineProfile, gpu: Gpu | None) -> int:
    if any(
        isinstance(item, Attention) and isinstance(item.compression, SharedCompression) for item in facts.attentions
    ):
        return HOPPER_SHARED_BLOCK if gpu is not None and gpu.capability // 10 == HOPPER else SHARED_BLOCK
    return MLA_BLOCK_SIZE if facts.uses_mla and profile.scheduler == "v1" else BLOCK_SIZE


def _states(facts: ModelFacts, case: FitCase, profile: EngineProfile, gpu: Gpu | None) -> int:
    """Recurrent states that a request holds: its own, one more where prefixes are cached, one per drafted token.

    Kernels that write a state out in the midst of a prompt have one more where prefixes are cached.
    """
    cached = case.enable_prefix_caching
    by_default = profile.hybrid_prefix_caching and not (
        profile.hybrid_prefixes_opt_in and is_release(case.engine_version)
    )
    aligned = by_default if cached is None else cached and profile.version >= (0, 17, 0)
    written = aligned and _writes_states(facts, profile, gpu)
    return 1 + int(aligned) + int(written) + (case.speculative_tokens or 0)


def _writes_states(facts: ModelFacts, profile: EngineProfile, gpu: Gpu | None) -> bool:
    mixers = [item for layer in facts.kinds_of_layers for item in (layer.mixer, layer.second_mixer)]
    delta = any(isinstance(item, GatedDeltaNet) for item in mixers)
    latent = any(isinstance(item, KimiDelta) and item.plain for item in mixers)
    fast = gpu is not None and gpu.capability // 10 in WITH_PREFILL_KERNELS
    return fast and ((delta and profile.delta_checkpoints) or (latent and profile.kda_checkpoints))


def _concurrent_batches(facts: ModelFacts, profile: EngineProfile, pp: int) -> int:
    """``max_concurrent_batches`` of vllm/config/vllm.py: asynchronous scheduling adds a batch, but not for pooling."""
    if not profile.counts_in_flight:
        return 1
    return pp + 1 if facts.generative else pp


def quantization(facts: ModelFacts, case: FitCase) -> QuantFacts | None:
    """Quantization in force.

    The checkpoint's own wins. Where the case only refers to the architecture of another model, what it or its name
    says wins, because the other model's quantization says nothing about this checkpoint.
    """
    own = facts.quantization
    stated = _stated_quantization(case)
    if stated is None and (case.quantization or "").strip().lower() in {"compressed-tensors", "modelopt"}:
        stated = quantization_from_name(base_name(case.model)) or _remarked(case.model)
    if not refers(facts, case):
        return own or stated
    if stated is not None and stated.method == "gptq":
        # The option is the same for 4 and 8 bits; names such as Qwen2-7B-Instruct-GPTQ-Int8 tell them apart.
        named = quantization_from_name(base_name(case.model)) or _remarked(case.model)
        stated = named if named is not None and named.method == "gptq" else stated
    if stated is None and not case.quantization:
        name = base_name(case.model)
        stated = quantization_from_name(name) or _remarked(case.model)
        if stated is None and _SIXTEEN_BIT.search(name.lower()):
            return None
    if own is not None and (stated is None or _formats(own) & _formats(stated)):
        return own
    return stated


TGI_QUANTIZATIONS: Mapping[str, Mapping[str, Any]] = {
    "bitsandbytes": {"load_in_8bit": True},
    "bitsandbytes-nf4": {"load_in_4bit": True},
    "bitsandbytes-fp4": {"load_in_4bit": True},
    "eetq": {"load_in_8bit": True},
}
"""``--quantize`` of Text Generation Inference, as what it does is written elsewhere (``Quantization`` of
launcher/src/main.rs): its ``bitsandbytes`` is that of 8 bits, as ``eetq`` is."""


def _stated_quantization(case: FitCase) -> QuantFacts | None:
    """What the case's own word for it means to its engine."""
    if not case.quantization:
        return None
    config = TGI_QUANTIZATIONS.get(case.quantization.strip().lower()) if case.engine == "tgi" else None
    if config is None:
        return quantization_from_name(case.quantization)
    found = parse_quantization_config({"quant_method": "bitsandbytes", **config})
    return None if found is None else replace(found, online=True)


_SIXTEEN_BIT = re.compile(r"(?<![a-z0-9])(bf16|fp16|bfloat16|float16)(?![a-z0-9])")


def _formats(quant: QuantFacts) -> set[str]:
    return {rule.scheme.format.value for rule in quant.rules}


def _remarked(model: str) -> QuantFacts | None:
    """Quantization that stands behind the id, as in ``Qwen3-8B (W4A16)``; remarks on the cache are none."""
    _, _, remark = model.strip().partition(" ")
    words = remark.lower()
    return None if "kv" in words or "cache" in words else quantization_from_name(words)


def base_name(model: str) -> str:
    """Repository name without owner and without remarks behind it."""
    return clean_id(model).rsplit("/", 1)[-1]


def clean_id(model: str) -> str:
    """First word: logs and threads put remarks such as ``(variant not stated)`` behind an id."""
    return model.split(maxsplit=1)[0] if model.strip() else ""


def refers(facts: ModelFacts, case: FitCase) -> bool:
    """Whether ``facts`` are those of another model that the case names by ``config_ref``."""
    return (
        case.config is None
        and case.config_ref is not None
        and bool(case.model)
        and facts.model_id.lower() != clean_id(case.model).lower()
    )


def _named_length(facts: ModelFacts, case: FitCase, profile: EngineProfile) -> int | None:
    """Context that a fine-tune of another model's architecture states in its name, such as ``-16k``.

    Fine-tunes that stretch the rotary embedding often declare the stretched length and the factor, and the engine
    multiplies them once more (``_get_and_verify_max_len`` of vllm/config.py 0.2.0; hfl/chinese-alpaca-2-13b-16k,
    vllm-project/vllm#1267 and #1573). Releases that do not refuse a context longer than the cache start either way, so
    the larger profiling run is assumed for them.
    """
    if not refers(facts, case):
        return None
    found = re.search(r"[-_](\d{1,4})k(?![a-z0-9])", case.model.lower())
    if found is None:
        return None
    length, own = int(found.group(1)) * 1024, facts.max_position_embeddings
    stretched = 0 < own < length and length % own == 0
    return length * (length // own) if stretched and not profile.checks_length else length


def _dtype(facts: ModelFacts, case: FitCase, gpu: Gpu | None, profile: EngineProfile) -> str:
    name = (case.dtype or "auto").lower().removeprefix("torch.")
    if name in {"half", "fp16"}:
        name = "float16"
    elif name == "bf16":
        name = "bfloat16"
    if name == "auto":
        # Engines load float32 checkpoints in 16 bit.
        name = "float16" if facts.dtype == "float32" else facts.dtype
    if name == "bfloat16" and gpu is not None and gpu.capability < 80:
        since = float16_refused_since(case.engine, facts.architecture)
        name = "float32" if since and profile.version >= (parse_version(since) or ()) else "float16"
    return name


def _kv_dtype(case: FitCase, quant: QuantFacts | None) -> str:
    name = (case.kv_cache_dtype or "auto").lower()
    if name == "auto" and quant is not None and quant.kv_cache_fp8 and quant.method != "fp8":
        return "fp8"
    return name


def kv_element_bytes(name: str, dtype: str, head_dim: int) -> float:
    """Bytes of one cached element, scales included (``vllm/v1/kv_cache_interface.py`` 0.33.0)."""
    if name.startswith("nvfp4"):
        return 0.5 + 1 / 16
    scale = 4 / head_dim if name.endswith("per_token_head") and head_dim else 0.0
    if name.startswith("int4"):
        return 0.5 + scale
    if name.startswith(("fp8", "int8")):
        return 1 + scale
    return 4 if dtype == "float32" else 2


def expert_ranks(facts: ModelFacts, case: FitCase, tp: int, dp: int) -> int:
    """Ranks that experts are spread over, 1 where each rank has a part of every expert."""
    if not facts.is_moe or not case.expert_parallel:
        return 1
    return tp * dp if case.expert_parallel is True else max(int(case.expert_parallel), 1)


def _v0_batch(case: FitCase, facts: ModelFacts, profile: EngineProfile, length: int) -> tuple[int, int]:
    sequences = case.max_num_seqs or profile.default_sequences
    tokens = case.max_num_batched_tokens or profile.default_tokens
    if not tokens:
        # Prompts are not cut below 32K of context; above, chunked prefill starts by default (0.5.4 to 0.7).
        chunked = length > 32768 and profile.version >= (0, 5, 4) and not facts.encoders and facts.generative
        tokens = 2048 if chunked and profile.version >= (0, 6, 4) else 512 if chunked else max(length, 2048)
        if not facts.generative:
            tokens = max(tokens, profile.pooling_tokens)
        if facts.encoders:
            tokens = max(tokens, profile.multimodal_tokens)
    return min(sequences, tokens), tokens


def _batch(
    case: FitCase, facts: ModelFacts, profile: EngineProfile, gpu: Gpu | None, total_gib: float | None, length: int
) -> tuple[int, int]:
    if profile.scheduler == "v0":
        return _v0_batch(case, facts, profile, length)
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
    if case.max_num_batched_tokens is None and profile.raises_batch:
        tokens = max([tokens, *(item.batch_tokens for item in facts.encoders)])
    if case.max_num_batched_tokens is None and takes_whole(facts):
        tokens = whole_batch(facts, profile, usual=tokens, length=length, sequences=sequences)
    return min(sequences, tokens), tokens


def caches_latent(profile: EngineProfile, settings: Settings) -> bool:
    """Whether latent attention caches its latent: not before 0.7.1, and not with every quantization at first."""
    if not profile.latent_attention or not profile.latent_methods or settings.quant is None:
        return profile.latent_attention
    return _formats(settings.quant) <= set(profile.latent_methods)


def holds_ngrams(facts: ModelFacts, case: FitCase, profile: EngineProfile) -> bool:
    """Whether tables of n-grams are on the device.

    vLLM pins them in host memory since 0.30 unless told otherwise; SGLang does where they are in 16 bit
    (``--ple-offload-embedding``).
    """
    default = profile.ngrams_on_host if case.engine == "vllm" else not facts.lookup_bytes
    return not (default if case.ngrams_on_host is None else case.ngrams_on_host)


def quantizes_while_loading(facts: ModelFacts, case: FitCase, settings: Settings) -> bool:
    """Whether the engine makes fp8 of a 16-bit checkpoint."""
    quant = settings.quant
    return quant is not None and quant.online and quant.method == "fp8" and not refers(facts, case)
