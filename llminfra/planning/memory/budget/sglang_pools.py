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
    has_window_pool,
    request_states,
    sglang_data,
)

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
    """

    token: float
    state: int
    request_states: int = 1
    page: int = 1
    window: int = 0
    window_share: float = 1.0


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
        token = sum(_compressed_bytes(mixer, ratio, speculative=speculative) for mixer in compressed)
        # The draft has one layer (DSV4PoolConfigurator, pool_configurator.py 0.5.12).
        token *= (len(compressed) + 1) / len(compressed) if speculative else 1
        return TokenCost(token=token, state=0, page=COMPRESSED_PAGE)
    stated = replace(facts, ssm_state_bytes=facts.ssm_state_bytes or STATE_BYTES)
    caches = [spec for layer in layers for spec in _layer_caches(layer, stated, settings)]
    local = sum(spec.token_bytes for spec in caches if spec.kind in {CacheKind.WINDOW, CacheKind.CHUNK})
    full = sum(spec.token_bytes for spec in caches if spec.kind in {CacheKind.FULL, CacheKind.CROSS})
    ratio, window = 1.0, 0
    if full and local and has_window_pool(facts.architecture, profile.version):
        window = max(spec.span for spec in caches)
        ratio = case.swa_full_tokens_ratio or float(sglang_data()["window_pools"]["ratio"])
    token = full + ratio * local
    if speculative and profile.counts_draft and facts.mtp_layers:
        kept = [item for item in layers if _keeps_tokens(item, stated, settings)]
        token *= (len(kept) + len(facts.mtp_layers)) / len(kept) if kept else 1
    state = sum(spec.token_bytes for spec in caches if spec.kind is CacheKind.STATE)
    return TokenCost(
        token=token,
        state=state,
        request_states=request_states(facts.architecture, case, profile.version),
        window=window,
        window_share=ratio,
    )


def _keeps_tokens(layer: Layer, facts: ModelFacts, settings: Settings) -> bool:
    return any(spec.kind is not CacheKind.STATE for spec in _layer_caches(layer, facts, settings))


def _layer_caches(layer: Layer, facts: ModelFacts, settings: Settings) -> list[CacheSpec]:
    """Caches of one layer; the pools have a place for layers, too, that read the cache of another."""
    found: list[CacheSpec] = []
    for mixer in (layer.mixer, layer.second_mixer):
        if mixer is None:
            continue
        own = replace(mixer, shares_cache=False) if isinstance(mixer, Attention) else mixer
        found += mixer_cache(own, facts, tp=settings.tp, kv_bytes=settings.kv_element_bytes, state_bytes=2,
                             blackwell=settings.plain_sparse)  # fmt: skip
    return found


def _compressed_bytes(mixer: Attention, ratio: float, *, speculative: bool) -> float:
    """Bytes of one layer of DeepSeek V4 for each token (``_get_bytes_per_full_token``, pool_configurator.py 0.5.12).

    A window is a page; its compressor keeps a ring of keys and scores in fp32 for each page, twice as long for drafts.
    """
    compression = mixer.compression or Compression(ratio=1, rope_dim=0, q_lora_rank=0, o_groups=1, o_lora_rank=0)
    total = ratio * ROW_BYTES
    if compression.ratio == 1:
        return total
    total += ROW_BYTES / compression.ratio
    ring = compression.overlap * compression.ratio * (2 if speculative else 1) / (mixer.window or 128)
    kept = 2 * compression.overlap * 4 * ring * ratio
    total += kept * mixer.head_dim
    if compression.indexer is not None:
        width = compression.indexer.head_dim
        total += (width + width // 128 * 4) / compression.ratio + kept * width
    return total


def fill_pools(case: FitCase, cost: TokenCost, profile: SglangProfile, rest_bytes: float) -> Pools:
    """Divide ``rest_bytes`` between recurrent states and tokens."""
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
    requests = case.max_num_seqs or SPEC_REQUESTS
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
