"""Key-value cache of each layer: bytes of one page and what one request needs.

Mirrors the specs of vLLM's V1 engine (``vllm/v1/kv_cache_interface.py``, 0.8.5 to 0.33.0): full attention, latent
attention, sliding window, chunked local attention and recurrent state. A page holds ``block_size`` tokens of one layer;
recurrent layers hold one state per request in a page as large as an attention page.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.mixers import (
    Attention,
    Compression,
    GatedDeltaNet,
    KimiDelta,
    LightningAttention,
    Mamba1,
    Mamba2,
    Mixer,
    Mla,
    NgramMemory,
    SharedCompression,
    ShortConv,
)
from llminfra.planning.memory.shapes import cdiv, kv_heads_per_rank, power_of_two, round_up


class CacheKind(StrEnum):
    """How a layer's cache grows with the context."""

    FULL = "full"
    WINDOW = "window"
    CHUNK = "chunk"
    STATE = "state"
    RING = "ring"
    CROSS = "cross"


class CacheSpec(Struct, frozen=True, kw_only=True):
    """Cache of one layer on one rank.

    Attributes:
        kind: Growth.
        token_bytes: Bytes per token; for recurrent layers and rings, of the whole state.
        span: Window or chunk length in tokens, or the positions of an encoder, 0 otherwise.
        block: Tokens in a page; 0 means the engine's block size.
        padded_page: Bytes of a page after padding, 0 for none.
        stride: Blocks that hold the page are a multiple of this long.
    """

    kind: CacheKind
    token_bytes: int
    span: int = 0
    block: int = 0
    padded_page: int = 0
    stride: int = 1

    def page_bytes(self, block_size: int) -> int:
        """Bytes of one page."""
        if self.padded_page:
            return self.padded_page
        whole = self.kind in {CacheKind.STATE, CacheKind.RING}
        return self.token_bytes if whole else self.token_bytes * (self.block or block_size)

    def pages(self, length: int, batched: int, block_size: int, states: int) -> int:
        """Pages that one request of ``length`` tokens needs at most."""
        block = self.block or block_size
        if self.kind is CacheKind.STATE:
            return states
        if self.kind is CacheKind.RING:
            return 1
        if self.kind is CacheKind.CROSS and self.span:
            return cdiv(self.span, block)
        if self.kind is CacheKind.WINDOW:
            return cdiv(min(self.span - 1 + batched, length), block) + 1
        if self.kind is CacheKind.CHUNK:
            return cdiv(min(self.span + batched, length), block)
        return cdiv(length, block)


PADDED_HEAD = 256
"""Width of keys and values where latent attention is expanded (vllm/model_executor/models/deepseek_v2.py 0.5-0.7.0)."""
FP8_INDEXER_SCALE_BYTES = 4
"""Each 128-wide fp8 indexer key carries one fp32 scale (DeepseekV32IndexerCache, vllm 0.11+)."""
FLASHINFER_HEADS = 16
ROPE_POSITION_BYTES = 24
"""A ring of raw keys keeps three positions of each token in 64 bit (QSAKeyStateCache, qsa_cache.py 0.33.0)."""
FP8_SPARSE_LATENT_BYTES = 656
"""Bytes per token of ``fp8_ds_mla``: 512 fp8 values, 4 fp32 scales, 64 bf16 rope values (flashmla_sparse.py)."""


def cache_specs(
    facts: ModelFacts, *, tp: int, kv_bytes: float, state_bytes: int, context_ranks: int = 1, with_mtp: bool = False
) -> tuple[CacheSpec, ...]:
    """Every cache of the model in layer order; see `layer_specs`."""
    return tuple(
        spec
        for layer in layer_specs(
            facts, tp=tp, kv_bytes=kv_bytes, state_bytes=state_bytes, context_ranks=context_ranks, with_mtp=with_mtp
        )
        for spec in layer
    )


def layer_specs(
    facts: ModelFacts,
    *,
    tp: int,
    kv_bytes: float,
    state_bytes: int,
    context_ranks: int = 1,
    with_mtp: bool = False,
    latent: bool = True,
    latent_align: int = 0,
    blackwell: str = "",
    drafted: int = 0,
    full_block: int = 0,
) -> tuple[tuple[CacheSpec, ...], ...]:
    """Caches of every decoder layer: none, one, or two where it has an indexer or a second mixer.

    Args:
        facts: The model.
        tp: Tensor-parallel ranks.
        kv_bytes: Bytes of one cached element (2, or 1 for fp8).
        state_bytes: Bytes of one element of the convolution state.
        context_ranks: Decode-context-parallel ranks, which share out the tokens of replicated heads.
        with_mtp: Add the cache of MTP layers, which belong to the last pipeline stage.
        latent: The engine caches the latent of latent attention; else keys and values of every head.
        latent_align: What the latent of a token is padded to, in bytes, 0 for nothing.
        blackwell: See `plain_sparse`.
        drafted: Drafted tokens, which convolutions and rings keep beside the last ones.
        full_block: Tokens of a block of shared states, 0 for the engine's own choice.
    """
    counted: dict[int, tuple[CacheSpec, ...]] = {}
    layers = facts.layers + (facts.mtp_layers if with_mtp else ())
    for layer in layers:
        if id(layer) in counted:  # alike, as most are
            continue
        specs: list[CacheSpec] = []
        for mixer in (layer.mixer, layer.second_mixer):
            if mixer is not None:
                specs += mixer_cache(
                    mixer,
                    facts,
                    tp=tp,
                    kv_bytes=kv_bytes,
                    state_bytes=state_bytes,
                    latent=latent,
                    latent_align=latent_align,
                    blackwell=blackwell,
                    drafted=drafted,
                    full_block=full_block,
                )
        counted[id(layer)] = tuple(_shared_out(spec, context_ranks) for spec in specs)
    return tuple(counted[id(layer)] for layer in layers)


def _heard(facts: ModelFacts) -> int:
    """Positions that the encoder of a speech model makes of a window of sound, whatever the text's length."""
    return max((item.max_tokens or 0 for item in facts.encoders), default=0) if facts.hears else 0


def plain_sparse(heads: int, blackwell: str) -> bool:
    """Whether an fp8 cache of sparse latent attention holds plain fp8 values, not those of ``fp8_ds_mla``.

    Data-centre Blackwell takes FlashInfer's backend for few heads a rank since 0.17, and for any fp8 cache since 0.19
    (``_get_backend_priorities`` of vllm/platforms/cuda.py). ``blackwell`` is ``few``, ``any`` or empty elsewhere.
    """
    return blackwell == "any" or (blackwell == "few" and heads <= FLASHINFER_HEADS)


def _shared_out(spec: CacheSpec, context_ranks: int) -> CacheSpec:
    """Tokens of full attention dealt out to the decode-context-parallel ranks."""
    if context_ranks == 1 or spec.kind is not CacheKind.FULL:
        return spec
    return CacheSpec(kind=spec.kind, token_bytes=cdiv(spec.token_bytes, context_ranks), span=spec.span)


def mixer_cache(
    mixer: Mixer,
    facts: ModelFacts,
    *,
    tp: int,
    kv_bytes: float,
    state_bytes: int,
    latent: bool = True,
    latent_align: int = 0,
    blackwell: str = "",
    drafted: int = 0,
    full_block: int = 0,
) -> list[CacheSpec]:
    """Caches of one mixer: none, one, or more when it has an indexer."""
    match mixer:
        case Attention(compression=SharedCompression() as shared):
            from llminfra.planning.memory.cache.shared_states import shared_specs  # noqa: PLC0415  # it needs CacheSpec

            return shared_specs(mixer, shared, drafted=drafted, block=full_block, blackwell=blackwell)
        case Attention(compression=Compression() as compression):
            from llminfra.planning.memory.cache.compressed_cache import compressed_specs  # noqa: PLC0415  # it needs CacheSpec

            return compressed_specs(mixer, compression)
        case Attention():
            if mixer.shares_cache:
                return []
            heads = kv_heads_per_rank(mixer.kv_heads, tp)
            token = round(heads * (mixer.head_dim + mixer.v_head_dim) * kv_bytes)
            if mixer.cross:
                return [CacheSpec(kind=CacheKind.CROSS, token_bytes=token, span=_heard(facts))]
            if mixer.window:
                return [CacheSpec(kind=CacheKind.WINDOW, token_bytes=token, span=mixer.window)]
            if mixer.chunk:
                return [CacheSpec(kind=CacheKind.CHUNK, token_bytes=token, span=mixer.chunk)]
            found = [CacheSpec(kind=CacheKind.FULL, token_bytes=token)]
            if mixer.indexer is not None:
                # Keys of whole pools in 16 bit whatever the cache is (``indexer_kv_dtype``), and a ring of raw ones.
                pool = mixer.indexer.pool
                found.append(CacheSpec(kind=CacheKind.FULL, token_bytes=cdiv(2 * mixer.indexer.head_dim, pool)))
                if pool > 1:
                    ring = round_up(pool + drafted, pool) * (2 * mixer.indexer.head_dim + ROPE_POSITION_BYTES)
                    found.append(CacheSpec(kind=CacheKind.RING, token_bytes=ring))
            return found
        case Mla() if not latent:
            return [
                CacheSpec(kind=CacheKind.FULL, token_bytes=round(cdiv(mixer.heads, tp) * 2 * PADDED_HEAD * kv_bytes))
            ]
        case Mla():
            token = round_up(round(mixer.latent_dim * kv_bytes), max(1, latent_align))
            if mixer.indexer is not None and kv_bytes == 1 and not plain_sparse(cdiv(mixer.heads, tp), blackwell):
                token = FP8_SPARSE_LATENT_BYTES
            found = [CacheSpec(kind=CacheKind.FULL, token_bytes=token)]
            if mixer.indexer is not None and not mixer.indexer.borrowed:
                pool = mixer.indexer.pool
                row = mixer.indexer.head_dim + FP8_INDEXER_SCALE_BYTES * cdiv(mixer.indexer.head_dim, 128)
                found.append(CacheSpec(kind=CacheKind.FULL, token_bytes=cdiv(row, pool)))
                if pool > 1:
                    # Raw keys and gates in 16 bit of the open pool and of drafted tokens (``Glm5NextTailCache``).
                    rows = pool * power_of_two(cdiv(pool + drafted, pool))
                    ring = rows * 2 * 2 * mixer.indexer.head_dim
                    found.append(CacheSpec(kind=CacheKind.RING, token_bytes=ring))
            return found
        case _:
            state = state_size_bytes(mixer, facts, tp=tp, state_bytes=state_bytes, drafted=drafted)
            return [CacheSpec(kind=CacheKind.STATE, token_bytes=state)] if state else []


def state_size_bytes(mixer: Mixer, facts: ModelFacts, *, tp: int, state_bytes: int, drafted: int = 0) -> int:
    """Bytes of one recurrent state (``MambaStateShapeCalculator``, vllm/model_executor/layers/mamba/mamba_utils.py).

    The convolutions of delta networks keep the drafted tokens, too (``num_spec``).
    """
    ssm = facts.ssm_state_bytes or state_bytes
    match mixer:
        case Mamba1():
            inner = cdiv(mixer.inner, tp)
            return inner * (mixer.conv_kernel - 1) * state_bytes + inner * mixer.state * ssm
        case Mamba2():
            groups = mixer.groups if mixer.groups % tp == 0 else tp
            conv = cdiv(mixer.inner + 2 * groups * mixer.state, tp)
            heads = cdiv(mixer.heads, tp)
            return conv * (mixer.conv_kernel - 1) * state_bytes + heads * mixer.head_dim * mixer.state * ssm
        case GatedDeltaNet():
            conv = cdiv(2 * mixer.key_heads * mixer.key_dim + mixer.value_heads * mixer.value_dim, tp)
            heads = cdiv(mixer.value_heads, tp)
            return (
                conv * (mixer.conv_kernel - 1 + drafted) * state_bytes + heads * mixer.key_dim * mixer.value_dim * ssm
            )
        case KimiDelta():
            heads = cdiv(mixer.heads, tp)
            conv = 3 * heads * mixer.head_dim * (mixer.conv_kernel - 1 + drafted) * state_bytes
            return conv + heads * mixer.head_dim * mixer.head_dim * 4
        case ShortConv():
            return cdiv(mixer.dim, tp) * (mixer.conv_kernel - 1) * state_bytes
        case NgramMemory():
            return mixer.width * (mixer.kept + drafted) * state_bytes if mixer.kept else 0
        case LightningAttention():
            return cdiv(mixer.heads, tp) * mixer.head_dim * mixer.head_dim * 4
        case _:
            return 0
