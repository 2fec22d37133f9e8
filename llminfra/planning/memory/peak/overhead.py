"""Memory that is neither weights, cache nor activations: libraries, NCCL, captured graphs."""

from __future__ import annotations

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory.peak.delta_rule import delta_rule_bytes
from llminfra.planning.memory.releases.attention_backend import captures_attention, flashinfer_gib, split_bytes
from llminfra.planning.memory.releases.engine_profile import EngineProfile, engine_data, parse_version
from llminfra.planning.memory.releases.settings import Settings

GIB = 2**30
NVLINK_FABRIC_GBPS = 300
"""From here on NVLink is a board fabric, not the bridge of workstation cards."""
CUSTOM_ALL_REDUCE_RANKS = 2
"""Ranks without NVLink that vLLM reduces by its own kernel; more take NCCL, whose kernels are captured, too
(vllm/distributed/device_communicators/custom_all_reduce.py)."""
NEAR_RANKS = 4
"""Ranks without NVLink up to which NCCL's captured kernels were seen to take the most."""
SIZES_GO_WIDER_FROM = 256
FABRIC_CAPABILITY = 90
"""From Hopper on NVSwitch reduces in the network, and NCCL keeps buffers for it between two ranks, too."""


def cublas_bytes(gpu: Gpu | None) -> int:
    """Workspaces that PyTorch allocates for cuBLAS with the first product: part of every peak."""
    table = engine_data()["overheads"]
    hopper = gpu is None or gpu.capability >= FABRIC_CAPABILITY
    return int(table["cublas_mib_from_hopper" if hopper else "cublas_mib"]) * 2**20


def cublas_workspace(gpu: Gpu | None) -> int:
    """Bytes of one workspace that PyTorch keeps for cuBLAS."""
    table = engine_data()["overheads"]
    hopper = gpu is None or gpu.capability >= FABRIC_CAPABILITY
    return int(table["cublas_workspace_from_hopper" if hopper else "cublas_workspace"])


def cuda_context_gib(gpu: Gpu | None) -> float:
    """What the driver takes for a process before it allocates anything."""
    table = engine_data()["overheads"]
    if gpu is None or not gpu.multiprocessors:
        return float(table["cuda_context_gib"])
    return float(table["cuda_context_gib_per_multiprocessor"] * gpu.multiprocessors)


def non_torch_gib(profile: EngineProfile, settings: Settings, gpu: Gpu | None, *, compressed: bool = False) -> float:
    """CUDA context where it counts, library workspaces, and NCCL buffers for several ranks.

    ``compressed`` is attention as DeepSeek V4 has it, which takes more for a reason that no source tells.
    """
    if not profile.counts_non_torch:
        return 0.0
    context = cuda_context_gib(gpu) if profile.context_in_non_torch else 0.0
    hopper = gpu is None or gpu.capability >= FABRIC_CAPABILITY
    libraries = profile.libraries_gib
    if settings.tp * settings.pp == 1:
        libraries = profile.libraries_hopper_gib if hopper else profile.libraries_alone_gib or libraries
    more = engine_data()["overheads"]["compressed_attention_gib"] if compressed else 0.0
    return float(libraries + context + more + nccl_gib(settings, gpu, profile))


def nccl_gib(settings: Settings, gpu: Gpu | None, profile: EngineProfile) -> float:
    """Communicator buffers of one rank that the engine counts: large where the switch reduces, small elsewhere.

    Stages of a pipeline that are one rank each do not reduce, and what they send costs nothing at start-up.
    """
    ranks = settings.tp * settings.pp * settings.dp
    if settings.tp * settings.dp == 1:
        return 0.0
    if not on_fabric(settings, gpu):
        return float(engine_data()["overheads"]["nccl_gib_other"])
    return profile.nccl_pair_gib if ranks == 2 else profile.nccl_four_gib if ranks <= 4 else profile.nccl_many_gib


def nccl_before_baseline_gib(facts: ModelFacts, settings: Settings, gpu: Gpu | None, profile: EngineProfile) -> float:
    """Communicators that are made before the engine first looks at the device: one for each group of several ranks.

    ``initialize_model_parallel`` of vllm/distributed/parallel_state.py 0.11.0-0.29.0 makes groups for tensor, pipeline
    and data parallelism, and one that deals out experts, until 0.13 for models without them, too.
    """
    if not profile.nccl_before_baseline or not on_fabric(settings, gpu):
        return 0.0
    table = engine_data()["overheads"]
    experts = facts.is_moe or profile.version < (parse_version(table["expert_group_since"]) or ())
    sizes = [settings.tp, settings.pp, settings.dp, settings.tp * settings.dp if experts else 1]
    groups = sum(size > 1 for size in sizes)
    first = table["nccl_before_baseline_gib"] if groups else 0.0
    return float(first + groups * table["nccl_of_group_gib"])


def on_fabric(settings: Settings, gpu: Gpu | None) -> bool:
    """Whether the ranks of a replica are joined by a switch that NCCL keeps large buffers for."""
    ranks = settings.tp * settings.pp * settings.dp
    return gpu is None or (gpu.nvlink_gbps >= NVLINK_FABRIC_GBPS and (ranks > 2 or gpu.capability >= FABRIC_CAPABILITY))


def captured_sizes(facts: ModelFacts, profile: EngineProfile, settings: Settings) -> tuple[int, int, int]:
    """Batch sizes captured in pieces, sizes captured whole, and the largest of all.

    1, 2, 4, then every 8, and since 0.11.1 every 16 above 256 (``_set_cudagraph_sizes`` of vllm/config); whole graphs
    are for decoding, so no larger than ``max_num_seqs``.
    """
    if profile.scheduler != "v1":
        largest = min(profile.largest_graph, settings.max_num_seqs)
    else:
        model = engine_data()["largest_graph"]
        listed = facts.architecture in model["architectures"] and profile.version >= (0, 10, 2)
        most = int(model["size"]) if listed else profile.largest_graph
        asked = most if profile.graphs_any_batch or listed else 2 * settings.max_num_seqs
        largest = min(most, asked, settings.max_num_batched_tokens)
    decoding = min(largest, settings.max_num_seqs) if profile.full_graphs and facts.generative else 0
    return _sizes_up_to(largest, profile), _sizes_up_to(decoding, profile), largest


def _sizes_up_to(largest: int, profile: EngineProfile) -> int:
    small = sum(size <= largest for size in (1, 2, 4))
    if largest <= SIZES_GO_WIDER_FROM or not profile.wide_graph_steps:
        return small + largest // 8
    return small + SIZES_GO_WIDER_FROM // 8 + (largest - SIZES_GO_WIDER_FROM) // 16


def cuda_graph_gib(facts: ModelFacts, profile: EngineProfile, settings: Settings, gpu: Gpu | None) -> float:
    """Captured graphs: a little for each layer and captured batch size, and buffers of the largest whole graph.

    An estimate inside the budget includes the workspace that the trial of the first whole graph makes, or what a
    layer of linear attention holds for a whole batch, if that is more: 0.52 GiB at 2,048 to 4,096 tokens and 0.89 at
    8,192 (vllm-project/vllm#52872).
    """
    if settings.eager:
        return 0.0
    table = engine_data()["overheads"]
    pieces, whole, largest = captured_sizes(facts, profile, settings)
    layers = _whole_layers(facts) / settings.pp
    pieces_mib, whole_mib = table["graph_mib_per_layer_and_size"], table["graph_mib_per_layer_and_full"]
    pieces_mib += _nccl_mib(facts, profile, settings, gpu)
    # Every batch size is captured once with adapters and once without, where both have graphs of their own.
    sets = settings.adapters.graph_sets if settings.adapters is not None else 1
    nodes = sets * layers * (pieces * pieces_mib + whole * whole_mib)
    nodes *= table["graph_factor_of_old_drivers"] if old_driver(settings.driver) else 1.0
    buffers = 0.0
    if whole and gpu is not None and gpu.capability == FABRIC_CAPABILITY:
        splits = split_bytes(facts, profile, settings, gpu, min(largest, settings.max_num_seqs))
        parts = table["graph_mib_hopper"] if splits else table["graph_mib_hopper_unsplit"]
        parts += table["graph_mib_experts"] if facts.is_moe else 0
        buffers = parts * largest / table["graph_mib_at_size"] + splits / 2**20
    held = (nodes + buffers) / 1024
    workspace = flashinfer_gib(facts, profile, settings, gpu)
    if not captures_attention(profile, settings, gpu, workspace):
        return float(held)
    first = workspace if profile.reserves_cuda_graphs else 0.0
    if profile.graphs_hold_prompt and not profile.runs_v2:
        first = max(first, delta_rule_bytes(facts, settings.tp) * settings.max_num_batched_tokens / GIB)
    return float(held + first)


def _whole_layers(facts: ModelFacts) -> float:
    """Layers whose kernels are captured: those that only mix, or only feed forward, are half of one.

    Nemotron-H alternates them. Measured on H200 (0.18.0, 0.20.0): 0.85 GiB with the 52 of Nemotron 3 Nano, and 1.10 to
    1.15 with the 88 of Super on a rank of two: 0.14 GiB less than half as many whole layers are said to take.
    """
    halves = sum((layer.mixer is not None) + (layer.mlp is not None or layer.moe is not None) for layer in facts.layers)
    return halves / 2 if facts.layers else float(facts.num_layers)


def _nccl_mib(facts: ModelFacts, profile: EngineProfile, settings: Settings, gpu: Gpu | None) -> float:
    """MiB that the NCCL kernels of one layer add to a captured size: with V0 for each rank, with V1 for each pair.

    The parts of attention and of what follows it are summed by NCCL where vLLM's own kernel is switched off, cannot
    reach the memory of the other ranks, or has more than two of them without NVLink. Experts gather the tokens of all
    copies and scatter their sums by NCCL, whatever joins the GPUs (``AgRsAll2AllManager`` of
    vllm/distributed/device_communicators/all2all.py).
    """
    table = engine_data()["overheads"]
    near = settings.tp <= CUSTOM_ALL_REDUCE_RANKS and (gpu is None or gpu.peer_access)
    own_kernel = settings.custom_all_reduce and (near or on_fabric(settings, gpu))
    sums = settings.tp > 1 and not own_kernel
    if profile.scheduler == "v0":
        return float(table["graph_mib_of_nccl_rank"] * (settings.tp - 1)) if sums else 0.0
    each = table["graph_mib_of_nccl"]
    pair = "graph_mib_of_nccl" if gpu is None or gpu.peer_access else "graph_mib_of_nccl_without_peers"
    summed = table["graph_mib_of_nccl_many" if settings.tp > NEAR_RANKS else pair]
    return float(summed * int(sums) + each * int(settings.dp > 1 and facts.is_moe))


def old_driver(version: str | None) -> bool:
    """Whether the driver predates CUDA 12.4, from which on a captured kernel takes less of the device."""
    if not version:
        return False
    major = version.strip().split(".", maxsplit=1)[0]
    return major.isdecimal() and int(major) < int(engine_data()["overheads"]["graph_driver_since"])
