"""Which of vLLM's attention kernels a start takes, as far as memory depends on it.

FlashInfer has a workspace, FlashAttention 3 a buffer inside of graphs.
"""

from __future__ import annotations

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.mixers import Attention, Mla
from llminfra.planning.hardware.attention_kernels import picked
from llminfra.planning.memory.releases.engine_profile import EngineProfile, engine_data
from llminfra.planning.memory.releases.settings import BLACKWELL, HOPPER, Settings
from llminfra.planning.memory.shapes import cdiv

SPLIT_BYTES = 4
"""Of a value of a part's output, in 32 bit."""


def flashinfer_gib(facts: ModelFacts, profile: EngineProfile, settings: Settings, gpu: Gpu | None) -> float:
    """GiB of FlashInfer's workspace; 0 where other kernels are taken.

    It is made with the first attention metadata, which is after the profiling run, so it comes beside the budget. Where
    the budget holds an estimate for whole graphs, their trial makes it, and it is part of that estimate.

    Args:
        facts: The model; latent attention has kernels of its own.
        profile: Rules of the release.
        settings: For the type of the cache, and a kernel that is asked for.
        gpu: The device; nothing is assumed of one that is not known.
    """
    if gpu is None or profile.scheduler != "v1":
        return 0.0
    taken = _taken(facts, profile, settings, gpu)
    return float(engine_data()["overheads"]["flashinfer"]["workspace_mib"]) / 1024 if "FLASHINFER" in taken else 0.0


def split_bytes(facts: ModelFacts, profile: EngineProfile, settings: Settings, gpu: Gpu | None, sequences: int) -> int:
    """Bytes in which FlashAttention 3 has the parts of split requests in the largest whole graph; 0 for other kernels.

    Inside of a graph the parts have an upper bound, and their outputs, in 32 bit, are one buffer for all layers
    (``flash_attn_max_num_splits_for_cuda_graph`` of vllm/config/attention.py, `max_num_splits` of
    vllm/v1/attention/backends/flash_attn.py and mla/flashattn_mla.py 0.11.0-0.29.0).

    Args:
        facts: The model.
        profile: Rules of the release.
        settings: For the ranks, the type of the cache and a kernel that is asked for.
        gpu: The device; FlashAttention 3 is Hopper's.
        sequences: Of the largest graph.
    """
    if gpu is None or gpu.capability // 10 != HOPPER or not profile.full_graphs:
        return 0
    taken = _taken(facts, profile, settings, gpu)
    plain = not taken or "FLASH_ATTN" in taken
    widths = [0]
    for mixer in {layer.mixer for layer in facts.layers}:
        if isinstance(mixer, Attention) and plain and mixer.compression is None:
            widths.append(cdiv(mixer.heads, settings.tp) * mixer.head_dim)
        elif isinstance(mixer, Mla) and "FLASH_ATTN_MLA" in taken:
            widths.append(cdiv(mixer.heads, settings.tp) * mixer.kv_lora_rank)
    return int(engine_data()["overheads"]["graph_splits"]) * sequences * max(widths) * SPLIT_BYTES


def _taken(facts: ModelFacts, profile: EngineProfile, settings: Settings, gpu: Gpu) -> frozenset[str]:
    if asked := (settings.attention_backend or "").strip().upper():
        return frozenset({asked})
    return picked(facts, gpu, profile.version, settings.kv_cache_dtype, text_only=not facts.encoders)


def captures_attention(profile: EngineProfile, settings: Settings, gpu: Gpu | None, workspace: float) -> bool:
    """Whether attention takes part where graphs are captured, as it does in whole graphs of decoding.

    FlashInfer's own kernels capture one token of each sequence, so drafts leave graphs in pieces; those of
    TensorRT-LLM, on the data centre's Blackwell, capture several (``get_cudagraph_support`` of flashinfer.py). The
    second runner prepares attention for pieces, too.
    """
    if settings.eager or not profile.full_graphs:
        return False
    return (
        not workspace
        or not settings.drafted
        or profile.runs_v2
        or (gpu is not None and gpu.capability // 10 == BLACKWELL)
    )
