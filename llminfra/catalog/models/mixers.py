"""Token mixers: softmax and latent attention, what picks their keys, and the recurrent layers.

All sizes are element counts or dimensions, as in `facts`.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class QkNorm(StrEnum):
    """How queries and keys are normalised; decides the size of two small parameter vectors."""

    NONE = "none"
    PER_HEAD = "per_head"
    FULL = "full"


class Compression(Struct, frozen=True, kw_only=True):
    """Compressed latent attention of DeepSeek V4: every layer has a window, most keep a compressed past beside it.

    Attributes:
        ratio: Tokens behind one compressed state (4 or 128); 1 for a window alone.
        rope_dim: Rotary part of the head.
        q_lora_rank: Rank of the query's down-projection.
        o_groups: Groups of the output projection.
        o_lora_rank: Rank of each of them.
        streams: Residual streams (hyper-connections).
        indexer: What picks states, where the ratio is 4.
    """

    ratio: int
    rope_dim: int
    q_lora_rank: int
    o_groups: int
    o_lora_rank: int
    streams: int = 4
    indexer: Indexer | None = None

    @property
    def overlap(self) -> int:
        """Windows of tokens that a state is made from."""
        return 2 if self.ratio == 4 else 1


class SharedCompression(Compression, frozen=True, kw_only=True):
    """Compressed attention of DeepSeek V4.1: few layers keep states, and those above read them.

    Attributes:
        states: Tokens behind one state that the layer keeps (1 or 2); 0 where it reads another's, or a window alone.
    """

    states: int = 0


class Attention(Struct, frozen=True, kw_only=True):
    """Softmax attention with a key-value cache (multi-head, grouped-query or multi-query).

    Attributes:
        heads: Query heads.
        kv_heads: Key-value heads; replicated over ranks when tensor parallelism exceeds them.
        head_dim: Size of one query or key head.
        v_head_dim: Size of one value head; equals ``head_dim`` in most models.
        window: Sliding-window length in tokens, None for full attention.
        chunk: Chunked-local-attention length in tokens (Llama 4), None otherwise.
        qkv_bias: Bias vectors on the query, key and value projections.
        out_bias: Bias vector on the output projection.
        qk_norm: Normalisation of queries and keys.
        gate_dim: Width of an output gate projection (equals heads x head_dim in Qwen3-Next), 0 for none.
        sinks: One learned sink logit per head (gpt-oss).
        shares_cache: Reads the cache of an earlier layer and stores none itself (Gemma 3n, Gemma 4 E-models).
        key_is_value: Values are the keys; no separate value projection in the checkpoint (Gemma 4 global layers).
        cross: Attends to encoder tokens; cached once per encoder token, not per text token.
        compression: DeepSeek V4's projections and compressed cache in place of the plain ones.
        indexer: What picks the keys that a query sees (Qwen sparse attention); projected from the residual stream.
        causal: Queries see what is before them, and keys are kept for later ones; else they see all, and nothing is.
    """

    heads: int
    kv_heads: int
    head_dim: int
    v_head_dim: int
    window: int | None = None
    chunk: int | None = None
    qkv_bias: bool = False
    out_bias: bool = False
    qk_norm: QkNorm = QkNorm.NONE
    gate_dim: int = 0
    sinks: bool = False
    shares_cache: bool = False
    key_is_value: bool = False
    cross: bool = False
    compression: Compression | None = None
    indexer: Indexer | None = None
    causal: bool = True


class Indexer(Struct, frozen=True, kw_only=True):
    """Sparse-attention indexer: its own key cache, replicated on every rank (DeepSeek V3.2, GLM 5, Qwen4).

    Attributes:
        heads: Query heads.
        head_dim: Size of a query and of a key.
        top_k: Keys that attention sees.
        pool: Tokens behind one cached key; above 1 the keys of the open pool are kept apart, a ring for each request.
        cut: Query heads are cut as those of keys are (MiniMax M3); else every rank has all.
        borrowed: The layer takes over what that of a layer below picked (GLM-5.2): it has no weights, keys or work.
    """

    heads: int
    head_dim: int
    top_k: int
    pool: int = 1
    cut: bool = False
    borrowed: bool = False


class Mla(Struct, frozen=True, kw_only=True):
    """Multi-head latent attention: one latent vector per token, replicated on every tensor-parallel rank.

    ``plain``: engines keep its matrices in 16 bit whatever the checkpoint's quantization is (GLM-5.3-Flash). ``gated``:
    one more matrix, as wide as what the heads hand over, gates that (Kimi K3).
    """

    heads: int
    q_lora_rank: int | None
    kv_lora_rank: int
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int
    indexer: Indexer | None = None
    plain: bool = False
    gated: bool = False

    @property
    def latent_dim(self) -> int:
        """Cached elements per token and layer."""
        return self.kv_lora_rank + self.qk_rope_head_dim


class Mamba1(Struct, frozen=True, kw_only=True):
    """Mamba-1 selective state space block."""

    inner: int
    state: int
    conv_kernel: int
    dt_rank: int
    conv_bias: bool = True
    proj_bias: bool = False
    inner_norms: bool = False


class Mamba2(Struct, frozen=True, kw_only=True):
    """Mamba-2 block: ``inner`` = heads x head_dim."""

    inner: int
    heads: int
    head_dim: int
    groups: int
    state: int
    conv_kernel: int
    conv_bias: bool = True
    proj_bias: bool = False
    gated_norm: bool = True


class GatedDeltaNet(Struct, frozen=True, kw_only=True):
    """Linear attention of Qwen3-Next and Qwen3.5."""

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    conv_kernel: int


class KimiDelta(Struct, frozen=True, kw_only=True):
    """Kimi delta attention (KDA), the linear attention of Kimi-Linear and GLM-5.3-Flash.

    ``plain`` as in `Mla`; its convolutions are then in 32 bit. ``full_gate``: the output gate is one whole matrix and
    not two thin ones (Kimi K3).
    """

    heads: int
    head_dim: int
    conv_kernel: int
    plain: bool = False
    full_gate: bool = False


class ShortConv(Struct, frozen=True, kw_only=True):
    """Gated short convolution of LFM2."""

    dim: int
    conv_kernel: int
    bias: bool = False


class LightningAttention(Struct, frozen=True, kw_only=True):
    """Linear attention of MiniMax-Text-01: one head_dim x head_dim state per head."""

    heads: int
    head_dim: int


class NgramMemory(Struct, frozen=True, kw_only=True):
    """What a layer makes of a table of n-grams, whose values are `ModelFacts.lookup_params`.

    Qwen4 has a gate and a dilated convolution over the residual streams, DeepSeek V4.1 a gate alone.

    Attributes:
        width: Residual streams times the hidden size.
        embed: Values that the table gives for a token.
        conv_kernel: Taps of the convolution, 0 for none.
        dilation: Tokens between two taps.
        norms: Vectors of ``width``.
        cut: The projection is cut by rank; else every rank holds all of it.
    """

    width: int
    embed: int
    conv_kernel: int = 0
    dilation: int = 1
    norms: int = 3
    cut: bool = False

    @property
    def kept(self) -> int:
        """Tokens whose inputs a request keeps."""
        return max(0, self.conv_kernel - 1) * self.dilation


Recurrent = Mamba1 | Mamba2 | GatedDeltaNet | KimiDelta | ShortConv | LightningAttention | NgramMemory
Mixer = Attention | Mla | Recurrent
