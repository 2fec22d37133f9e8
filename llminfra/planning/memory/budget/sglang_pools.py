"""SGLang's pools: bytes behind a token of each kind of layer, and tokens and states that a rest of memory holds.

``max_total_num_tokens`` counts tokens of full attention. Windowed layers of the models that `has_window_pool` names
have ``swa_full_tokens_ratio`` tokens for each of them; those of all other models hold every token. Recurrent states
take their share first (``handle_max_mamba_cache``). Sources: ``data/sglang_memory.json``.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.models.facts import Layer, ModelFacts
from llminfra.catalog.models.mixers import Attention, Compression
from llminfra.planning.memory.cache.compressed_cache import ROW_BYTES
from llminfra.planning.memory.cache.kv_specs import CacheKind, CacheSpec, mixer_cache
from llminfra.planning.memory.inputs.case import FitCase
from llminfra.planning.memory.releases.settings import Settings
from llminfra.planning.memory.releases.sglang_profile import (
    SPEC_REQUESTS,
    SglangProfile,
    attention_copies,
    counts_draft_layers,
    has_window_pool,
    own_requests,
    request_states,
    sglang_data,
)
from llminfra.planning.memory.shapes import round_up

LONG_GROUP = 128
"""Tokens of the longer groups that DeepSeek V4 compresses."""
COMPRESSED_PAGE = 256
"""Tokens that the cache of DeepSeek V4 is a multiple of."""
STATE_BYTES = 4
"""Recurrent states are fp32 where the config says nothing (``configs/mamba_utils.py`` 0.5.5 to 0.5.23)."""


class TokenCost(Struct, frozen=True, kw_only=True):
    """What one rank of one pipeline stage keeps.

    Attributes:
        token: Bytes behind one printed token, windows in their share included.
        state: Bytes of one recurrent state of all layers, 0 for none.
        request_states: States that each running request is counted for.
        page: Printed tokens are a multiple of this.
        window: Longest window that has a pool of its own, 0 for none.
        window_share: Tokens of that pool for each printed token.
        fixed: Bytes that are taken before tokens, whatever their number.
        requests: Most running requests, where states of guessed tokens are kept for each.
        beside: Bytes that come beside the share for each printed token: layers of a draft, scales.
    """

    token: float
    state: int
    request_states: int = 1
    page: int = 1
    window: int = 0
    window_share: float = 1.0
    beside: float = 0.0
    fixed: int = 0
    requests: int = SPEC_REQUESTS


class Pools(Struct, frozen=True, kw_only=True):
    """What a rest of memory becomes.

    Attributes:
        tokens: ``max_total_num_tokens``.
        states: ``max_mamba_cache_size``, 0 for models without recurrent states.
        cache_bytes: Left for tokens.
        state_bytes: Taken for recurrent states.
    """

    tokens: int
    states: int
    cache_bytes: float
    state_bytes: float


def token_cost(
    facts: ModelFacts, case: FitCase, settings: Settings, profile: SglangProfile, layers: Sequence[Layer]
) -> TokenCost:
    """Bytes that ``layers`` keep for a token and for a request."""
    speculative = bool(case.speculative_tokens)
    compressed = [layer.mixer for layer in layers if isinstance(layer.mixer, Attention) and layer.mixer.compression]
    if compressed:
        ratio = case.swa_full_tokens_ratio or float(sglang_data()["window_pools"]["compressed_ratio"])
        token = sum(_compressed_bytes(mixer, ratio, profile, speculative=speculative) for mixer in compressed)
        requests = own_requests(case, int(sglang_data()["window_pools"]["compressed_requests"]), settings.tp)
        rings = sum(_ring_bytes(mixer, requests, speculative=speculative) for mixer in compressed)
        # The draft has one layer (DSV4PoolConfigurator, pool_configurator.py 0.5.12).
        token *= (len(compressed) + 1) / len(compressed) if speculative else 1
        return TokenCost(token=token, state=0, page=COMPRESSED_PAGE, fixed=rings if profile.ring_by_request else 0)
    stated = replace(facts, ssm_state_bytes=facts.ssm_state_bytes or STATE_BYTES)
    ranks = settings.tp // attention_copies(case, settings.tp)
    kept = [spec for layer in layers for spec in _layer_caches(layer, stated, settings, ranks)]
    sized = replace(settings, plain_sparse="any") if profile.sizes_plain_sparse else settings
    caches = [spec for layer in layers for spec in _layer_caches(layer, stated, sized, ranks)]
    local = sum(spec.token_bytes for spec in caches if spec.kind in {CacheKind.WINDOW, CacheKind.CHUNK})
    full = sum(spec.token_bytes for spec in caches if spec.kind in {CacheKind.FULL, CacheKind.CROSS})
    ratio, window = 1.0, 0
    if full and local and has_window_pool(facts.architecture, profile.version):
        window = max(spec.span for spec in caches)
        ratio = case.swa_full_tokens_ratio or float(sglang_data()["window_pools"]["ratio"])
    token = full + ratio * local
    drafted = 0.0
    if speculative and facts.mtp_layers:
        # The engine takes a layer of the draft for as large as one of the model.
        keeping = sum(_keeps_tokens(item, stated, settings, ranks) for item in layers)
        drafted = token * len(facts.mtp_layers) / keeping if keeping else 0.0
        if counts_draft_layers(facts.architecture, profile):
            token, drafted = token + drafted, 0.0
    state = sum(spec.token_bytes for spec in caches if spec.kind is CacheKind.STATE)
    return TokenCost(
        token=token,
        state=state,
        request_states=request_states(facts.architecture, case, profile.version),
        window=window,
        window_share=ratio,
        beside=drafted + sum(spec.token_bytes for spec in kept) - sum(spec.token_bytes for spec in caches),
        requests=own_requests(case, SPEC_REQUESTS, settings.tp),
    )


def _keeps_tokens(layer: Layer, facts: ModelFacts, settings: Settings, ranks: int) -> bool:
    return any(spec.kind is not CacheKind.STATE for spec in _layer_caches(layer, facts, settings, ranks))


def _layer_caches(layer: Layer, facts: ModelFacts, settings: Settings, ranks: int) -> list[CacheSpec]:
    """Caches of one layer; the pools have a place for layers, too, that read the cache of another."""
    found: list[CacheSpec] = []
    for mixer in (layer.mixer, layer.second_mixer):
        if mixer is None:
            continue
        own = replace(mixer, shares_cache=False) if isinstance(mixer, Attention) else mixer
        found += mixer_cache(own, facts, tp=ranks, kv_bytes=settings.kv_element_bytes, state_bytes=2,
                             blackwell=settings.plain_sparse)  # fmt: skip
    return found


def _compressed_bytes(mixer: Attention, ratio: float, profile: SglangProfile, *, speculative: bool) -> float:
    """Bytes of one layer of DeepSeek V4 for each token (``_get_bytes_per_full_token``, pool_configurator.py 0.5.12).

    A window is a page; its compressor keeps a ring of keys and scores in fp32 for each page, twice as long for drafts.
    Since 0.5.15 the rings of long groups are one for each request (`_ring_bytes`); since 0.5.21 a page is 256 tokens.
    """
    compression = mixer.compression or Compression(ratio=1, rope_dim=0, q_lora_rank=0, o_groups=1, o_lora_rank=0)
    total = ratio * ROW_BYTES
    if compression.ratio == 1:
        return total
    total += ROW_BYTES / compression.ratio
    ring = _ring_length(compression, speculative=speculative) / profile.ring_page
    kept = 0.0 if profile.ring_by_request and _is_long(compression) else 2 * compression.overlap * 4 * ring * ratio
    total += kept * mixer.head_dim
    if compression.indexer is not None:
        width = compression.indexer.head_dim
        total += (width + width // 128 * 4) / compression.ratio + kept * width
    return total


def _ring_length(compression: Compression, *, speculative: bool) -> int:
    return compression.overlap * compression.ratio * (2 if speculative else 1)


def _is_long(compression: Compression) -> bool:
    return compression.ratio == LONG_GROUP


def _ring_bytes(mixer: Attention, requests: int, *, speculative: bool) -> int:
    """Bytes of the rings of one layer with long groups (``_get_c128_state_fixed_bytes``, 0.5.15 to 0.5.23)."""
    compression = mixer.compression
    if compression is None or not _is_long(compression):
        return 0
    ring = _ring_length(compression, speculative=speculative)
    rows = round_up((requests + 1) * ring + ring + 1, LONG_GROUP)
    return rows * 2 * mixer.head_dim * STATE_BYTES


def fill_pools(case: FitCase, cost: TokenCost, profile: SglangProfile, rest_bytes: float) -> Pools:
    """Divide ``rest_bytes`` between recurrent states and tokens."""
    rest_bytes -= cost.fixed
    states, taken = _fill_states(case, cost, profile, rest_bytes) if cost.state else (0, 0.0)
    left = rest_bytes - taken
    tokens = max(0, int(left // cost.token)) if cost.token else 0
    if case.max_total_tokens:
        tokens = min(tokens, case.max_total_tokens)
    tokens = tokens // cost.page * cost.page
    cache = tokens * cost.token if case.max_total_tokens and tokens == case.max_total_tokens else left
    return Pools(tokens=tokens, states=states, cache_bytes=cache, state_bytes=taken)


def _fill_states(case: FitCase, cost: TokenCost, profile: SglangProfile, rest_bytes: float) -> tuple[int, float]:
    """States, and what they and those of guessed tokens take (``handle_max_mamba_cache``, 0.5.8 to 0.5.23)."""
    guessed = case.speculative_tokens or 0
    requests = cost.requests
    if case.enable_prefix_caching is False and case.max_num_seqs:
        # Without cached prefixes a request needs its own state alone.
        return requests, cost.state * requests * (1 + guessed)
    part = profile.state_ratio / (1 + profile.state_ratio)
    if not profile.shares_states:
        beside = cost.state * requests * guessed
        states = max(0, int((rest_bytes - beside) * part // cost.state))
        return states, beside + states * cost.state
    states = max(0, int(rest_bytes * part // (cost.state * (1 + guessed / cost.request_states))))
    served = min(requests, states // cost.request_states)
    return states, cost.state * (states + served * guessed)
