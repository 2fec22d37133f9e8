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


def cublas_bytes(gpu: Gpu | None) -> int:
    """Workspaces that PyTorch allocates for cuBLAS with the first product: part of every peak."""
    table = engine_data()["overheads"]
    hopper = gpu is None or gpu.capability >= FABRIC_CAPABILITY
    return int(table["cublas_mib_from_hopper" if hopper else "cublas_mib"]) * 2**20


def non_torch_gib(profile: EngineProfile, settings: Settings, gpu: Gpu | None) -> float:
    """CUDA context where it counts, library workspaces, and NCCL buffers for several ranks."""
    if not profile.counts_non_torch:
        return 0.0
    context = engine_data()["overheads"]["cuda_context_gib"] if profile.context_in_non_torch else 0.0
    hopper = gpu is None or gpu.capability >= FABRIC_CAPABILITY
    libraries = profile.libraries_hopper_gib if hopper and settings.tp * settings.pp == 1 else profile.libraries_gib
    return float(libraries + context + nccl_gib(settings, gpu, profile))


def nccl_gib(settings: Settings, gpu: Gpu | None, profile: EngineProfile) -> float:
    """Communicator buffers of one rank that the engine counts: large where the switch reduces, small elsewhere.

    Stages of a pipeline that are one rank each do not reduce, and what they send costs nothing at start-up.
    """
    ranks = settings.tp * settings.pp
    if settings.tp == 1:
        return 0.0
    if not on_fabric(settings, gpu):
        return float(engine_data()["overheads"]["nccl_gib_other"])
    return profile.nccl_pair_gib if ranks == 2 else profile.nccl_four_gib if ranks <= 4 else profile.nccl_many_gib


def nccl_before_baseline_gib(settings: Settings, gpu: Gpu | None, profile: EngineProfile) -> float:
    """Communicators that are made before the engine first looks at the device."""
    if not profile.nccl_before_baseline or settings.tp == 1 or not on_fabric(settings, gpu):
        return 0.0
    return float(engine_data()["overheads"]["nccl_before_baseline_gib"])


def on_fabric(settings: Settings, gpu: Gpu | None) -> bool:
    """Whether the ranks of a replica are joined by a switch that NCCL keeps large buffers for."""
    return gpu is None or (
        gpu.nvlink_gbps >= NVLINK_FABRIC_GBPS and (settings.tp * settings.pp > 2 or gpu.capability >= FABRIC_CAPABILITY)
    )


def cuda_graph_gib(facts: ModelFacts, profile: EngineProfile, settings: Settings) -> float:
    """Captured graphs: a little for each layer and captured batch size (1, 2, 4, then every 8 up to the largest)."""
    if settings.eager:
        return 0.0
    largest = min(512, 2 * settings.max_num_seqs) if profile.scheduler == "v1" else 256
    sizes = 3 + largest // 8
    per_layer = engine_data()["overheads"]["graph_mib_per_layer_and_size"] / 1024
    return float(sizes * facts.num_layers / settings.pp * per_layer)
