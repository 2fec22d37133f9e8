"""Which of vLLM's attention kernels a start takes, as far as memory depends on it: FlashInfer has a workspace."""

from __future__ import annotations

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.mixers import Attention
from llminfra.planning.memory.releases.engine_profile import EngineProfile, engine_data, parse_version
from llminfra.planning.memory.releases.settings import BLACKWELL, Settings

TURING, AMPERE, HOPPER = 75, 80, 90


def flashinfer_gib(facts: ModelFacts, profile: EngineProfile, settings: Settings, gpu: Gpu | None) -> float:
    """GiB of FlashInfer's workspace, which comes beside the budget; 0 where other kernels are taken.

    Args:
        facts: The model; latent attention has kernels of its own.
        profile: Rules of the release.
        settings: For the type of the cache.
        gpu: The device; nothing is assumed of one that is not known.
    """
    rules = engine_data()["overheads"]["flashinfer"]
    mixers = [layer.mixer for layer in facts.layers if isinstance(layer.mixer, Attention)]
    heads = {mixer.head_dim for mixer in mixers}
    if gpu is None or profile.scheduler != "v1" or profile.version < (parse_version(rules["since"]) or ()):
        return 0.0
    if facts.uses_mla or not heads or not heads <= set(rules["head_sizes"]):
        return 0.0
    datacenter = gpu.capability // 10 == BLACKWELL
    if any(mixer.sinks for mixer in mixers) and not datacenter:
        return 0.0
    turing = TURING <= gpu.capability < AMPERE and profile.version < (parse_version(rules["turing_until"]) or ())
    quantized = settings.kv_cache_dtype.startswith("fp8") and gpu.capability >= AMPERE and gpu.capability != HOPPER
    return float(rules["workspace_mib"]) / 1024 if datacenter or turing or quantized else 0.0
