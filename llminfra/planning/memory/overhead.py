"""Memory that is neither weights, cache nor activations: libraries, NCCL, captured graphs."""

from __future__ import annotations

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory.engine_profile import EngineProfile, engine_data
from llminfra.planning.memory.settings import Settings

GIB = 2**30
NVLINK_FABRIC_GBPS = 300
"""From here on NVLink is a board fabric, not the bridge of workstation cards."""
FABRIC_CAPABILITY = 90
"""From Hopper on NVSwitch reduces in the network, and NCCL keeps buffers for it between two ranks, too."""


def non_torch_gib(profile: EngineProfile, settings: Settings, gpu: Gpu | None) -> float:
    """CUDA context where it counts, library workspaces, and NCCL buffers for several ranks."""
    if not profile.counts_non_torch:
        return 0.0
    table = engine_data()["overheads"]
    libraries = table["libraries_gib_v0" if profile.scheduler == "v0" else "libraries_gib"]
    context = table["cuda_context_gib"] if profile.context_in_non_torch else 0.0
    ranks = settings.tp * settings.pp
    if ranks == 1:
        return float(libraries + context)
    nccl = nccl_gib(settings, gpu)
    if profile.nccl_before_baseline:
        nccl = min(nccl, table["nccl_gib_after_baseline_fabric"])
    return float(libraries + context + nccl)


def nccl_gib(settings: Settings, gpu: Gpu | None) -> float:
    """Communicator buffers of one rank: large where the switch reduces, small elsewhere."""
    ranks = settings.tp * settings.pp
    if ranks == 1:
        return 0.0
    table = engine_data()["overheads"]
    fabric = gpu is None or (
        gpu.nvlink_gbps >= NVLINK_FABRIC_GBPS and (ranks > 2 or gpu.capability >= FABRIC_CAPABILITY)
    )
    if not fabric:
        return float(table["nccl_gib_other"])
    return float(next(row["gib"] for row in table["nccl_gib_fabric"] if ranks <= row["up_to_ranks"]))


def cuda_graph_gib(facts: ModelFacts, profile: EngineProfile, settings: Settings) -> float:
    """Captured graphs: a little for each layer and captured batch size (1, 2, 4, then every 8 up to the largest)."""
    if settings.eager:
        return 0.0
    largest = min(512, 2 * settings.max_num_seqs) if profile.scheduler == "v1" else 256
    sizes = 3 + largest // 8
    per_layer = engine_data()["overheads"]["graph_mib_per_layer_and_size"] / 1024
    return float(sizes * facts.num_layers / settings.pp * per_layer)
