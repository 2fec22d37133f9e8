"""Which of vLLM's attention kernels a start takes, as far as memory depends on it: FlashInfer has a workspace."""

from __future__ import annotations

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.hardware.attention_kernels import picked
from llminfra.planning.memory.releases.engine_profile import EngineProfile, engine_data
from llminfra.planning.memory.releases.settings import BLACKWELL, Settings


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
    if asked := (settings.attention_backend or "").strip().upper():
        taken = frozenset({asked})
    else:
        taken = picked(facts, gpu, profile.version, settings.kv_cache_dtype, text_only=not facts.encoders)
    return float(engine_data()["overheads"]["flashinfer"]["workspace_mib"]) / 1024 if "FLASHINFER" in taken else 0.0


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
