"""What a given engine version does about memory: defaults and rules, read from ``data/engine_memory.json``."""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_left
from functools import cache
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.datafile import read_json

ASSUMED_VLLM = "0.10.2"
ASSUMED_RELEASE = (0, 10, 2)
"""Assumed when a case names no release: of the V1 releases its sampler reserves the most memory."""
CONTEXT_COUNTS_UNTIL = (0, 9, 1)
"""First V1 release that leaves the CUDA context out; an older one may be meant where none is named."""
NEW_MODELS = (0, 17, 0)
"""Models that came with this release or later are mostly run by 0.21 or later."""
TIGHTEST_V0 = (0, 6, 3)
"""Of the V0 releases it reserves the most memory: it counts what the allocator keeps."""
LAST_V0 = (0, 7, 3)
"""Last release whose default engine is V0."""
EARLY_V1 = (0, 6, 4)
"""First release that runs V1 where ``VLLM_USE_V1`` asks for it."""
WITHOUT_V0 = (0, 11, 0)
"""First release whose ``vllm/engine/llm_engine.py`` is the V1 engine and no other."""
FIRST_V1, V1_EVERYWHERE, V1_CAPABILITY = (0, 8, 0), (0, 10, 2), 80
"""Between these releases devices below compute capability 8.0 (V100, T4) fall back to V0: ``_is_v1_supported_oracle``
of vllm/engine/arg_utils.py 0.8.0-0.10.1.1; gone in 0.10.2."""


class EngineProfile(Struct, frozen=True, kw_only=True):
    """Memory rules of one engine version; `data/engine_memory.json` says where each was read.

    Attributes:
        version: Release numbers, development builds rounded down.
        scheduler: ``v0`` or ``v1``.
        gpu_memory_utilization: Default share of the device.
        sampler: ``argsort_probs``, ``argsort``, ``sort``, ``triton`` or ``flashinfer``: decides the sampler's peak.
        hybrid_manager: Window layers are grouped apart and freed.
        chunked_hybrid: The same for chunked local attention.
        default_sequences: Default of ``max_num_seqs``, 0 when it depends on the device.
        default_tokens: Default of ``max_num_batched_tokens``, 0 when it depends on model or device.
        pooling_tokens: Least default of ``max_num_batched_tokens`` for embedding and reward models.
        multimodal_tokens: The same for models with an encoder.
        raises_batch: The default batch holds the largest item of models that look at items in both directions.
        large_batch_by_name: The large token default goes by device name instead of size.
        chunked_prefill: Prompts are cut to ``max_num_batched_tokens``.
        a100_small_batch: A100 gets the small batch defaults.
        large_batch_from_gib: Device size from which 16384 tokens are the default, 0 for never.
        counts_non_torch: The peak includes what PyTorch does not allocate.
        keeps_reserved: The peak is what the allocator keeps from the device, freed blocks included.
        keeps_gate_up: The feed-forward block holds its first product until the end.
        sums_to_new_tensor: An all-reduce writes its sum beside its input.
        default_items: Images of one request where no limit is given.
        rounds_items_up: The profiling run takes as many images as cover the batch, not those that fit.
        items_by_length: A request of the profiling run brings no more images than its context holds.
        profiles_video: Models that take images and videos are profiled with the largest of both.
        padded_video_tokens: The profiling run pads what a tower of Qwen3-VL makes to so many tokens.
        holds_patches: It keeps the patches that it gave a tower until it is done.
        triton_mxfp4: Hopper runs MXFP4 experts with Triton; before, with Marlin, which pads them more.
        wide_fp4_tiles: Triton's layout for Hopper pads the values of MXFP4 experts to wider tiles.
        keeps_fp4_scales: The scales that were loaded stay beside those in that layout.
        awq_split_k: The AWQ product's buffer in outputs, 0 where long prompts are dequantized instead.
        rope_per_layer: Every layer has a rotary table of its own.
        records_streams: Tensors given to an all-reduce stay allocated until the run ends.
        parallel_reserve_gib: What stands in for those tensors when they exceed the device.
        checks_length: The engine refuses a context longer than the cache.
        checks_free: The engine refuses to start where less is free than the share asks for.
        checks_all_stages: It counts the layers of all pipeline stages against the memory of one.
        context_in_non_torch: The CUDA context counts as non-torch memory, because the baseline is taken at zero.
        libraries_gib: What libraries keep of the device.
        libraries_alone_gib: The same in an engine of one rank; 0 where that is no other.
        libraries_hopper_gib: The same from Hopper on in an engine of one rank.
        nccl_pair_gib: Communicators of two ranks on a fabric, as far as the engine counts them.
        nccl_four_gib: The same of up to four ranks.
        nccl_many_gib: The same of more.
        fused_allreduce: How FlashInfer's workspace for fused sums is taken: ``paged``, ``asked``, ``multicast``, or
            ``""`` for none that is counted apart (`fused_allreduce.fused_allreduce_gib`).
        fused_allreduce_alone: It is there without data and pipeline parallelism alone.
        nccl_before_baseline: Communicators are made before memory is first looked at.
        reserves_cuda_graphs: The budget includes an estimate for captured graphs.
        tokens_by_concurrency: Printed tokens are concurrency times context length.
        group_slack: See `kv_plan.plan_cache`.
        latent_attention: Caches of latent attention hold the latent; before, keys and values of every head.
        latent_methods: Quantizations with which they do, empty for all.
        latent_align: What the latent of a token is padded to, in bytes.
        latent_matrices: What is kept beside the matrices of latent attention (`absorbed`).
        rest_layers: Which pipeline stages take the layers that are left over (`shapes.pipeline_ranges`).
        expert_rows: Most tokens that one pass through the experts takes, 0 for all.
        gives_output: Layers of Qwen3-Next's kind are given the tensor that attention or the delta rule writes to.
        mla_context_tokens: Most context tokens whose keys and values the run of a latent-attention model expands.
        mla_page_each: They are at least a page for every sequence, whatever a page is.
        sparse_workspace_factor: Workspace of sparse attention in context lengths, and past 256K tokens
            ``sparse_workspace_long_factor`` unless 0.
        sparse_logits_gib: What the run sets aside for the indexer's scores.
        builds_borrowed: Layers that borrow an indexer's picks have one of their own all the same.
        plain_sparse: Where sparse attention caches plain fp8 on data-centre Blackwell (`kv_specs.plain_sparse`).
        null_block: One block is held back before the admission check.
        hybrid_prefix_caching: Models with recurrent layers cache prefixes by default, with one more state per request.
        hybrid_prefixes_opt_in: Releases leave that to be asked for; builds of main between them do not.
        counts_in_flight: Window layers reserve room for every batch that is under way at once.
        packs_widest_group: See `compressed_cache.pack`.
        latent_hybrid_block: Pages of models with latent attention and recurrent layers are multiples of this.
        states_outside: Models with recurrent layers run in the V0 engine, which keeps their states outside the cache.
        loads_whole: A model that is quantized while it loads lies on the device in 16 bits first.
        unsplit_mib: Tensors of so many MiB are loaded into segments of their own (``max_split_size_mb``), 0 for none.
        flat_absmax: The loader expands scales that bitsandbytes quantized in their turn.
        gptq_expert_zeros: Bytes of each word of zero points that symmetric GPTQ experts keep; 0 where they do not.
        native_block_fp8: Compute capability times ten from which FP8 with scales of blocks is multiplied in FP8, but
            for experts; below, Marlin does it in 16 bit, with a scale for every output.
        pads_experts: FP8 and NVFP4 experts without a gate are padded to 128.
        pads_fp4_experts: NVFP4 ones are.
        ngrams_on_host: Tables of n-grams may be, and are where nothing else is asked, in pinned host memory.
        kda_checkpoints: A request holds a state more for what Kimi delta attention writes out in the midst of a prompt.
        delta_checkpoints: The same of gated delta networks.
        pools_with_cache: Decoders that embed or rank run on V1, with a cache.
        whole_in_usual_batch: The batch of inputs that are not cut is at least the usual one.
        released: The build is not older than the release that brought the model.
        checks_states: The engine refuses more sequences than it has blocks of recurrent states.
        largest_graph: Largest batch size that is captured.
        graphs_any_batch: Sizes are captured up to it whatever ``max_num_seqs`` is; else up to twice that.
        wide_graph_steps: Above 256 every sixteenth size is captured, not every eighth.
        full_graphs: Decoding steps are captured whole, beside the pieces of every step.
        graphs_hold_prompt: The estimate of graphs includes what linear attention holds for a whole batch of tokens.
        counts_consumed: Everything that lies on the device after the run counts, whoever allocated it.
        counts_compilation: What the compiler allocates to try kernels counts into the peak.
        v2_models: Models of the second runner: ``""`` none, ``listed``, ``dense`` (and listed) or ``all``.
        v2_architectures: Those that are listed.
        v2_quantized: Quantized models may be among them.
        v2_guesses: Ways to guess tokens that the second runner knows; with others the first runs.
        v2_eagle3_in_stages: It knows EAGLE-3 over pipeline stages.
        v2_sampler: ``copy`` or ``raw``: what its profiling run does to logits; ``""`` as the first runner does.
        v2_reserves_graphs: Its budget includes captured graphs.
        v2_profiles_encoder: Its profiling run encodes images.
        runs_v2: The second runner runs this model (`model_runner.runner_rules`).
        rotates_by_kernel: A kernel rotates queries and keys of towers, with no copies for cosine and sine.
        warms_up_sampler: Sampling takes more after the cache is there than the profiling run saw.
        profiles_encoder: The profiling run encodes images.
        checked_guess_bytes: Bytes of each logit of a sequence while the profiling run checks guesses; 0 for none.
    """

    version: tuple[int, ...]
    scheduler: str = "v1"
    gpu_memory_utilization: float = 0.9
    sampler: str = "sort"
    hybrid_manager: bool = False
    chunked_hybrid: bool = False
    default_sequences: int = 0
    default_tokens: int = 0
    pooling_tokens: int = 0
    multimodal_tokens: int = 0
    raises_batch: bool = False
    large_batch_by_name: bool = False
    chunked_prefill: bool = True
    a100_small_batch: bool = False
    large_batch_from_gib: int = 0
    counts_non_torch: bool = True
    keeps_reserved: bool = False
    keeps_gate_up: bool = False
    sums_to_new_tensor: bool = False
    default_items: int = 1
    rounds_items_up: bool = False
    items_by_length: bool = False
    profiles_video: bool = False
    padded_video_tokens: int = 0
    holds_patches: bool = False
    triton_mxfp4: bool = False
    wide_fp4_tiles: bool = False
    keeps_fp4_scales: bool = False
    awq_split_k: int = 0
    rope_per_layer: bool = False
    records_streams: bool = False
    parallel_reserve_gib: float = 0.0
    checks_length: bool = True
    checks_all_stages: bool = False
    context_in_non_torch: bool = False
    libraries_gib: float = 0.0
    libraries_alone_gib: float = 0.0
    libraries_hopper_gib: float = 0.0
    nccl_pair_gib: float = 0.0
    nccl_four_gib: float = 0.0
    nccl_many_gib: float = 0.0
    fused_allreduce: str = ""
    fused_allreduce_alone: bool = False
    nccl_before_baseline: bool = False
    reserves_cuda_graphs: bool = False
    tokens_by_concurrency: bool = False
    group_slack: float = 1.0
    builds_borrowed: bool = True
    plain_sparse: str = ""
    null_block: bool = False
    hybrid_prefix_caching: bool = False
    hybrid_prefixes_opt_in: bool = False
    counts_in_flight: bool = False
    latent_hybrid_block: int = 64
    packs_widest_group: bool = False
    latent_attention: bool = False
    latent_methods: tuple[str, ...] = ()
    latent_align: int = 0
    latent_matrices: str = ""
    rest_layers: str = "last"
    expert_rows: int = 32768
    gives_output: bool = True
    mla_context_tokens: int = 0
    mla_page_each: bool = True
    sparse_workspace_factor: int = 5
    sparse_workspace_long_factor: int = 0
    sparse_logits_gib: float = 0.0
    states_outside: bool = False
    loads_whole: bool = False
    unsplit_mib: int = 0
    flat_absmax: bool = False
    gptq_expert_zeros: int = 0
    native_block_fp8: int = 89
    pads_experts: bool = False
    pads_fp4_experts: bool = False
    ngrams_on_host: bool = False
    kda_checkpoints: bool = False
    delta_checkpoints: bool = False
    checks_free: bool = False
    pools_with_cache: bool = False
    whole_in_usual_batch: bool = False
    released: bool = True
    checks_states: bool = False
    largest_graph: int = 512
    graphs_any_batch: bool = False
    wide_graph_steps: bool = False
    full_graphs: bool = False
    graphs_hold_prompt: bool = False
    counts_consumed: bool = False
    counts_compilation: bool = False
    v2_models: str = ""
    v2_architectures: tuple[str, ...] = ()
    v2_quantized: bool = False
    v2_guesses: tuple[str, ...] = ()
    v2_eagle3_in_stages: bool = False
    v2_sampler: str = ""
    v2_reserves_graphs: bool = False
    v2_profiles_encoder: bool = False
    runs_v2: bool = False
    rotates_by_kernel: bool = False
    warms_up_sampler: bool = False
    profiles_encoder: bool = True
    checked_guess_bytes: int = 0


@cache
def engine_data() -> dict[str, Any]:
    """The parsed data file; callers must not change it."""
    return read_json("llminfra.planning.memory", "engine_memory.json")


def parse_version(text: str | None) -> tuple[int, ...] | None:
    """Release numbers in an engine's version string; None for names of branches and pull requests."""
    if not text:
        return None
    match = re.match(r"\s*v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    if not match:
        return None
    numbers = tuple(int(part) for part in match.groups(default="0"))
    if numbers[:2] == (0, 1) and "dev" in text:
        return None
    return numbers


_DATED = re.compile(r"(20\d\d)-(\d\d)")
_COUNTED = re.compile(r"0\.1\.dev(\d{4,})")
_DAYS_FAR = 120
"""Days from the counted builds that are known; the pace of commits is not known further off."""


def is_release(text: str | None) -> bool:
    """Whether a version string is that of a release, not of a build between two."""
    return re.fullmatch(r"\s*v?\d+\.\d+(\.\d+)?(\.post\d+)?\s*", text or "") is not None


def resolve_version(text: str | None) -> tuple[int, ...] | None:
    """Release numbers of a version string; of a date or a count of commits in it, the release of that month.

    None when none of these is there. A build that counts commits is what the next release brings.
    """
    numbers = parse_version(text)
    if numbers is not None:
        return numbers
    counted = _COUNTED.search(text or "")
    if counted is not None:
        day = day_of_commit(int(counted.group(1)))
        return None if day is None else _release_after(day)
    dated = _DATED.search(text or "")
    return None if dated is None else _release_of(f"{dated.group(1)}-{dated.group(2)}")


def _release_of(month: str) -> tuple[int, ...] | None:
    by_month: dict[str, str] = engine_data()["releases_by_month"]["first"]
    return parse_version(next((by_month[start] for start in sorted(by_month, reverse=True) if start <= month), "0.1.0"))


def _release_after(day: dt.date) -> tuple[int, ...] | None:
    """The first release uploaded on or after ``day``; the newest known when there is none."""
    uploaded: dict[str, str] = engine_data()["release_days"]["uploaded"]
    later = [version for version, when in uploaded.items() if when >= day.isoformat()]
    return parse_version(later[0] if later else list(uploaded)[-1])


def day_of_commit(count: int) -> dt.date | None:
    """The day on which main had that many commits, between and near the builds that are known."""
    table: dict[str, str] = engine_data()["commits"]["day_of"]
    known = sorted((int(number), dt.date.fromisoformat(day)) for number, day in table.items())
    # The pace of commits changes over months, so a count lies on the line through its neighbours.
    place = min(max(bisect_left(known, (count, dt.date.min)), 1), len(known) - 1)
    (first, first_day), (last, last_day) = known[place - 1], known[place]
    days = (count - first) * (last_day - first_day).days / (last - first)
    near = -_DAYS_FAR <= days <= (last_day - first_day).days + _DAYS_FAR
    return first_day + dt.timedelta(days=days) if near else None


@cache
def drops_gate_up(architecture: str) -> bool:
    """Whether the feed-forward block of the model lets go of its first product before it has its output."""
    return architecture in engine_data()["drops_gate_up"]["architectures"]


@cache
def first_release(architecture: str) -> tuple[int, ...]:
    """First release that knows the architecture; (0, 0, 0) for those older than the releases read."""
    found = engine_data()["architecture_since"]["vllm"].get(architecture)
    return parse_version(found) or (0, 0, 0)


@cache
def vllm_profile(version: tuple[int, ...]) -> EngineProfile:
    """Rules in force at ``version``: every entry of the data file up to it, later ones winning."""
    values: dict[str, Any] = {}
    names = set(EngineProfile.__struct_fields__) - {"version"}
    for entry in engine_data()["vllm"]:
        start = tuple(int(part) for part in entry["from"].split("."))
        if start <= version:
            values |= {key: value for key, value in entry.items() if key in names}
    return EngineProfile(version=version, **values)


SHARED_CODE = (
    "checks_free",
    "expert_rows",
    "flat_absmax",
    "latent_align",
    "latent_matrices",
    "pools_with_cache",
    "rest_layers",
    "whole_in_usual_batch",
)
"""Rules of loaders, layers, pipelines and arguments, which both engines of a release share."""


def rules_of_engine(engine: tuple[int, ...], version: tuple[int, ...]) -> EngineProfile:
    """Rules of the engine that ``engine`` had, in a release that has both: what they share is that release's own."""
    own = vllm_profile(version)
    shared = {name: getattr(own, name) for name in SHARED_CODE}
    return replace(vllm_profile(engine), version=version, **shared)
