"""What a release of SGLang does about memory: rules and defaults, read from ``data/sglang_memory.json``."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from msgspec import Struct

from llminfra.catalog.datafile import read_json
from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.mixers import Mla
from llminfra.planning.memory.inputs.case import FitCase
from llminfra.planning.memory.releases.settings import Settings

Release = tuple[int, int, int, int]
ASSUMED_SGLANG: Release = (0, 5, 23, 0)
"""Assumed when a case names no release."""
BY_RANKS_UNTIL: Release = (0, 4, 7, 0)
"""Last release whose default share goes by the number of ranks; its first patch release has the rule of 0.4.8."""
EVERY_RANK_UNTIL: Release = (0, 4, 4, 0)
"""First release whose ``--enable-dp-attention`` leaves the number of copies to ``--dp-size``."""
SPEC_REQUESTS = 48
"""``max_running_requests`` where drafts are checked and nothing is said (``server_args.py`` 0.5.8)."""
LARGE_DEVICE_GIB = 60
_MANY_GRAPHS = 300
"""Largest batch of graphs above which half as much again is held back for copies of attention."""
_LARGEST_SMALL_DEVICE_MIB = 25_000


class SglangProfile(Struct, frozen=True, kw_only=True):
    """Memory rules of one release; `data/sglang_memory.json` says where each was read.

    Attributes:
        version: Numbers of the release, the last one of a patch (``post``).
        slots_per_context: Request slots for each context length that the cache holds.
        fewest_slots: Least number of request slots.
        most_slots: Greatest number of request slots.
        slot_padding: Positions of a slot beyond the context length.
        message: Which words an empty cache brings: ``plain``, ``server_args``, ``value`` or ``weights``.
        multimodal_given: Factor on the share of models with images, even where the share is given.
        rope_bytes: Bytes of one value of a rotary table, 0 for those of the dtype.
        state_ratio: Memory of recurrent states for each part of the token cache.
        shares_states: Recurrent states of guessed tokens come out of the same part as those of requests.
        ring_by_request: Compressors of DeepSeek V4 with long groups keep a ring for each request, not for each page.
        ring_page: Tokens for which those with short groups keep one.
        sizes_plain_sparse: The cache is sized as if fp8 of sparse attention had no scales, which then come beside it.
        builds_borrowed: Layers that borrow an indexer's picks have one of their own all the same.
        checks_states: The engine refuses a pool of recurrent states that holds no request.
        counts_draft: Weights of a draft are loaded before the cache is sized, and its layers count into a token.
        image_cache_mib: Held back from the cache of models with images.
        checks_window: The engine refuses a pool of windows that holds no request.
        keeps_fp32_scales: Scales of MXFP4 experts stay in fp32 beside those that Marlin reads.
        rest_layers: Which pipeline stages take the layers that are left over (`shapes.pipeline_ranges`).
    """

    version: Release
    slots_per_context: int = 512
    fewest_slots: int = 2048
    most_slots: int = 4096
    slot_padding: int = 4
    message: str = "plain"
    multimodal_given: float = 1.0
    rope_bytes: int = 0
    state_ratio: float = 0.9
    shares_states: bool = False
    ring_by_request: bool = False
    ring_page: int = 128
    sizes_plain_sparse: bool = False
    builds_borrowed: bool = True
    checks_states: bool = False
    counts_draft: bool = False
    image_cache_mib: int = 0
    checks_window: bool = False
    keeps_fp32_scales: bool = False
    rest_layers: str = "last"

    @property
    def name(self) -> str:
        """The release as its wheel is named."""
        major, minor, patch, post = self.version
        return f"{major}.{minor}.{patch}" + (f".post{post}" if post else "")


@cache
def sglang_data() -> dict[str, Any]:
    """The parsed data file; callers must not change it."""
    return read_json("llminfra.planning.memory", "sglang_memory.json")


def sglang_release(text: str | None) -> Release:
    """Numbers of a version string; of a month in it, the last release before; else the assumed one."""
    match = re.match(r"\s*v?(\d+)\.(\d+)(?:\.(\d+))?(?:\.?post(\d+))?", text or "")
    if match is None:
        dated = re.search(r"20\d\d-\d\d(-\d\d)?", text or "")
        return ASSUMED_SGLANG if dated is None else _release_on(dated.group())
    major, minor, patch, post = (int(part) for part in match.groups(default="0"))
    return (major, minor, patch, post) if major or minor else ASSUMED_SGLANG


def _release_on(day: str) -> Release:
    published: dict[str, str] = sglang_data()["published"]
    days = sorted(item for item in published if item[0].isdigit())
    return sglang_release(published[max((item for item in days if item <= day), default=days[0])])


@cache
def sglang_profile(version: Release) -> SglangProfile:
    """Rules in force at ``version``: every entry of the data file up to it, later ones winning."""
    values: dict[str, Any] = {}
    names = set(SglangProfile.__struct_fields__) - {"version"}
    for entry in _until(sglang_data()["releases"], version):
        values |= {key: value for key, value in entry.items() if key in names}
    return SglangProfile(version=version, **values)


def _until(rows: list[dict[str, Any]], version: Release) -> list[dict[str, Any]]:
    return [row for row in rows if sglang_release(row["from"]) <= version]


def has_window_pool(architecture: str, version: Release) -> bool:
    """Whether windowed layers have a smaller pool of their own; elsewhere they hold every token."""
    since = sglang_data()["window_pools"]["since"].get(architecture)
    return since is not None and (since == "0" or sglang_release(since) <= version)


def counts_draft_layers(architecture: str, profile: SglangProfile) -> bool:
    """Whether layers of the model's own draft count into a token."""
    return profile.counts_draft and architecture not in sglang_data()["drafts_beside"]["architectures"]


def attention_copies(case: FitCase, ranks: int) -> int:
    """Parts of the tensor-parallel ranks that each hold attention whole; until 0.4.3 every rank is one."""
    if not case.data_parallel_attention:
        return 1
    old = sglang_release(case.engine_version) < EVERY_RANK_UNTIL
    return min(ranks, ranks if old else case.data_parallel or 1)


def own_requests(case: FitCase, default: int, ranks: int) -> int:
    """Requests that each copy of attention may run (``max_running_requests // dp_size``, 0.5.8 to 0.5.23)."""
    return max(1, (case.max_num_seqs or default) // attention_copies(case, ranks))


def request_states(architecture: str, case: FitCase, version: Release) -> int:
    """Recurrent states that are counted for each running request."""
    if case.enable_prefix_caching is False:
        return 1
    rules = sglang_data()["request_states"]
    since = rules["buffer_since"].get(architecture)
    buffered = since is not None and sglang_release(since) <= version
    return int(rules["cached"]) + (int(rules["buffer"]) if buffered else 0)


def prefill_and_graphs(profile: SglangProfile, case: FitCase, tp: int, total_gib: float) -> tuple[int, int]:
    """``chunked_prefill_size``, and the largest batch whose decoding step is captured."""
    capacity, version = _capacity_gib(total_gib), profile.version
    mib = capacity * 1024
    if version >= (0, 5, 3, 0):
        row = _device(sglang_data()["reserved"], capacity)
        if row["below_gib"] == _of_24_gb():
            row = _until(sglang_data()["reserved_of_24_gb"], version)[-1]
        chunk, graphs = row["chunk"], row["graph_batch" if tp < 4 else "graph_batch_tp4"]
        if case.max_num_seqs and version >= (0, 5, 22, 0):
            graphs = min(graphs, case.max_num_seqs)
    elif version < (0, 4, 0, 0):
        chunk, graphs = 8192, 160
    else:
        later = version > BY_RANKS_UNTIL
        small = mib < (35 * 1024 if later else _LARGEST_SMALL_DEVICE_MIB)
        largest = 512 if later and mib >= 160 * 1024 else 256 if later and mib >= 90 * 1024 else 160
        chunk = 2048 if small else 16384 if largest == 512 else 8192
        graphs = (8 if tp < 4 else 80) if small else largest
    return case.max_num_batched_tokens or chunk, 0 if case.enforce_eager else graphs


def _capacity_gib(total_gib: float) -> float:
    """What ``nvidia-smi`` calls ``memory.total`` (``get_nvgpu_memory_capacity``): the driver's own part included."""
    return total_gib + float(sglang_data()["driver_gib"])


def _of_24_gb() -> int:
    return int(sglang_data()["reserved"][1]["below_gib"])


def _device(rows: list[dict[str, Any]], capacity_gib: float) -> dict[str, Any]:
    return next(row for row in rows if capacity_gib < row["below_gib"])


def captured_sizes(largest: int) -> int:
    """How many batch sizes up to ``largest`` are captured (``_generate_cuda_graph_batch_sizes``, 0.5.3 to 0.5.23)."""
    sizes = [1, 2, 4, 8, 12, *range(16, 257, 8), *range(272, 512, 16), *range(512, largest + 1, 32)]
    return sum(size <= largest for size in sizes)


def prefill_sizes(largest: int) -> int:
    """How many prompt sizes up to ``largest`` are captured (``_generate_piecewise_cuda_graph_tokens``, 0.5.12)."""
    sizes = [*range(4, 33, 4), *range(48, 257, 16), *range(288, 513, 32), *range(576, 1025, 64)]
    sizes += [*range(1280, 4097, 256), *range(4608, largest + 1, 512)]
    return sum(size <= largest for size in sizes)


def is_sparse(facts: ModelFacts) -> bool:
    """Whether latent attention looks at the tokens that an indexer chooses (DSA)."""
    return any(isinstance(layer.mixer, Mla) and layer.mixer.indexer is not None for layer in facts.kinds_of_layers)


def captures_prompts(facts: ModelFacts, case: FitCase, settings: Settings, version: Release) -> bool:
    """Whether prompts run as captured graphs, for which the default share leaves room."""
    rules = _until(sglang_data()["prefill_graphs"]["rules"], version)
    if not rules or case.enforce_eager:
        return False
    rule, architecture = rules[-1], facts.architecture
    sparse = is_sparse(facts)
    met = {
        "images": bool(facts.encoders) and architecture not in rule["images_of"],
        "pipeline": settings.pp > 1,
        "adapters": bool(case.enable_lora or case.max_loras or case.lora_modules),
        "draft": bool(case.speculative_tokens or case.speculative_method or case.draft_model),
        "sparse": sparse,
        "latent": facts.uses_mla,
        "dense latent": facts.uses_mla and not sparse,
    }
    return architecture not in rule["not_of"] and not any(met[name] for name in rule["never"])


def sglang_fraction(facts: ModelFacts, case: FitCase, settings: Settings, total_gib: float) -> float:
    """``mem_fraction_static`` in force: the given one or the release's default, as far as it is cut for images."""
    profile = sglang_profile(sglang_release(case.engine_version))
    given = case.gpu_memory_utilization
    fraction = _default_fraction(facts, profile, case, settings, total_gib) if given is None else given
    return fraction * profile.multimodal_given if facts.encoders else fraction


def _default_fraction(
    facts: ModelFacts, profile: SglangProfile, case: FitCase, settings: Settings, total_gib: float
) -> float:
    rules, version = sglang_data(), profile.version
    capacity, ranks = _capacity_gib(total_gib), settings.tp * settings.pp
    mib = capacity * 1024
    if version <= BY_RANKS_UNTIL:
        return _fraction_by_ranks(rules, version, ranks, mib)
    if version < (0, 5, 3, 0):
        row = _device(rules["reserved_until_0_5_2"], capacity)
        reserved = (row["gib"] + ranks * row["gib_per_rank"]) * 1024
        reserved += rules["copies_mib_until_0_5_2"] if case.data_parallel_attention else 0
    else:
        chunk, graphs = prefill_and_graphs(profile, case, settings.tp, total_gib)
        reserved = 512 + max(chunk, 2048) * 1.5 + graphs * 2 + ranks / 8 * 1024
        if case.data_parallel_attention:
            reserved += graphs * attention_copies(case, settings.tp) * (3 if graphs <= _MANY_GRAPHS else 4.5)
        if captures_prompts(facts, case, settings, version):
            latent = rules["prefill_graph_latent_mib"]
            reserved += latent if facts.uses_mla else prefill_sizes(chunk) * rules["prefill_graph_mib"]
        if capacity > LARGE_DEVICE_GIB:
            reserved = max(reserved, 10 * 1024)
    if case.speculative_tokens:
        reserved += _until(rules["draft_mib"], version)[-1]["mib"]
    fraction = float(round((mib - reserved) / mib, 3))
    if not facts.encoders or version < (0, 4, 9, 0):
        return fraction
    if version < (0, 4, 10, 0):
        return fraction * float(rules["multimodal_factor_before_0_4_10"])
    return fraction * _tower_factor(facts)


def _fraction_by_ranks(rules: dict[str, Any], version: Release, ranks: int, mib: float) -> float:
    """Until 0.4.7 the default goes by the number of ranks; the last two releases treat large devices apart."""
    row = next(row for row in rules["fraction_by_ranks"] if ranks >= row["from_ranks"])
    fraction = float(row.get("before_0_4", row["fraction"]) if version < (0, 4, 0, 0) else row["fraction"])
    if version >= (0, 4, 7, 0):
        if mib > 180_000:
            return 0.79
        if mib > 96 * 1024:
            return float(min(fraction + 48 * 1024 * (1 - fraction) / mib, (mib - 18 * 1024) / mib))
    elif version >= (0, 4, 6, 0) and mib > 80 * 1024:
        return float((mib - 13 * 1024) / mib)
    return fraction


def _tower_factor(facts: ModelFacts) -> float:
    """What is left of the share beside a tower: each size of ViT-L/14 more costs a tenth, within 0.8 to 1.05.

    Layers times squared width are compared (``adjust_mem_fraction_for_vlm``, 0.4.10 to 0.5.23), where ``vision_config``
    calls them ``num_hidden_layers`` and ``hidden_size``; Qwen's towers say ``depth`` and pass for 24 layers.
    """
    stated = next((item.stated for item in facts.encoders if item.stated is not None), None)
    if stated is None:
        return 1.0
    layers, width = stated[0] or 24, stated[1] or 1024
    factor = 1.0 - 0.1 * (layers * width**2 / (24 * 1024**2) - 1.0)
    return float(sglang_data()["multimodal_factor"]) * max(0.8, min(1.05, factor))
