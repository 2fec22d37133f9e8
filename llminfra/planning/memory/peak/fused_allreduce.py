"""Workspace of FlashInfer's all-reduce that is fused with the norm behind it: made while the model is compiled."""

from __future__ import annotations

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory.peak.overhead import on_fabric
from llminfra.planning.memory.releases.engine_profile import EngineProfile, engine_data
from llminfra.planning.memory.releases.settings import Settings

MIB_OF_GIB = 1024
ELEMENT_BYTES = 2


def fused_allreduce_gib(facts: ModelFacts, profile: EngineProfile, settings: Settings, gpu: Gpu | None) -> float:
    """GiB of the workspace on one rank; 0 where sums are not fused.

    vLLM fuses them in compiled models on compute capability 9.0 and 10.x (``enable_allreduce_rms_fusion`` of
    vllm/config/vllm.py). FlashInfer keeps a buffer of the rank's sums, one of flags and one of three rounds. Until
    0.6.9 each of them is rounded up to what the switch multicasts, whatever its size, and so is the one buffer of its
    other kernel, which vLLM prefers later; between them memory is taken as it is asked for.

    Args:
        facts: The model, for the width of what is summed.
        profile: Rules of the release.
        settings: For the ranks and the tokens of a step.
        gpu: The device; one that is not known may be of these.
    """
    rules = engine_data()["overheads"]["fused_allreduce"]
    if not profile.fused_allreduce or settings.eager or settings.tp == 1:
        return 0.0
    if profile.fused_allreduce_alone and settings.dp * settings.pp > 1:
        return 0.0
    most = _largest_mib(rules["largest_mib"], gpu, settings.tp)
    if not most or not on_fabric(settings, gpu):
        return 0.0
    page = float(rules["multicast_mib"]) / MIB_OF_GIB
    if profile.fused_allreduce == "paged":
        return page * int(rules["buffers"])
    step = settings.max_num_batched_tokens * facts.hidden_size * ELEMENT_BYTES / 2**20
    summed = min(most, step) / MIB_OF_GIB
    if profile.fused_allreduce == "multicast":
        return page * -(-summed * int(rules["rounds"]) * 2 // page)
    return summed * settings.tp * (1 + int(rules["rounds"]))


def _largest_mib(table: dict[str, dict[str, float]], gpu: Gpu | None, ranks: int) -> float:
    """Largest sum that is fused, in MiB; 0 for other devices and numbers of ranks."""
    devices = list(table.values()) if gpu is None else [table.get(str(gpu.capability), {})]
    return max(float(largest.get(str(ranks), 0.0)) for largest in devices)
