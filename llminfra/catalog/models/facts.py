"""What the memory planner must know about a model: shapes per layer, not a parameter count.

A model is a tuple of `Layer` objects (token mixer + feed-forward part), the embedding and head, an optional
encoder for images or audio, optional multi-token-prediction (MTP) layers, and the quantization of its checkpoint.
All sizes are element counts or dimensions; bytes are the planner's business, because they depend on the engine.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from llminfra.catalog.models.quantization import QuantFacts

if TYPE_CHECKING:
    from collections.abc import Mapping


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


class Indexer(Struct, frozen=True, kw_only=True):
    """Sparse-attention indexer of DeepSeek V3.2 and GLM 5: its own key cache, replicated on every rank."""

    heads: int
    head_dim: int
    top_k: int


class Mla(Struct, frozen=True, kw_only=True):
    """Multi-head latent attention: one latent vector per token, replicated on every tensor-parallel rank."""

    heads: int
    q_lora_rank: int | None
    kv_lora_rank: int
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int
    indexer: Indexer | None = None

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
    """Kimi delta attention (KDA), the linear attention of Kimi-Linear."""

    heads: int
    head_dim: int
    conv_kernel: int


class ShortConv(Struct, frozen=True, kw_only=True):
    """Gated short convolution of LFM2."""

    dim: int
    conv_kernel: int
    bias: bool = False


class LightningAttention(Struct, frozen=True, kw_only=True):
    """Linear attention of MiniMax-Text-01: one head_dim x head_dim state per head."""

    heads: int
    head_dim: int


Recurrent = Mamba1 | Mamba2 | GatedDeltaNet | KimiDelta | ShortConv | LightningAttention
Mixer = Attention | Mla | Mamba1 | Mamba2 | GatedDeltaNet | KimiDelta | ShortConv | LightningAttention


class DenseMlp(Struct, frozen=True, kw_only=True):
    """Feed-forward block: two matrices, or three when gated."""

    intermediate: int
    gated: bool = True
    bias: bool = False


class Moe(Struct, frozen=True, kw_only=True):
    """Mixture of experts.

    Attributes:
        experts: Routed experts.
        top_k: Experts per token.
        intermediate: Hidden size of one routed expert.
        gated: Three matrices per expert instead of two.
        bias: Bias vectors on the expert matrices (gpt-oss).
        shared_intermediate: Hidden size of all shared experts together, 0 for none.
        shared_gate: A scalar gate on the shared expert (Qwen2-MoE, Qwen3-Next).
        router_bias: One correction value per expert.
        latent: Width that the experts work in when it is not the hidden size (Nemotron 3 Super), else None.
    """

    experts: int
    top_k: int
    intermediate: int
    gated: bool = True
    bias: bool = False
    shared_intermediate: int = 0
    shared_gate: bool = False
    router_bias: bool = False
    latent: int | None = None


class Layer(Struct, frozen=True, kw_only=True):
    """One decoder layer.

    Attributes:
        mixer: Token mixer; None in layers that are feed-forward only (Nemotron-H).
        second_mixer: A mixer that runs beside the first (Falcon-H1: attention and Mamba in one layer).
        mlp: Dense feed-forward part, if any.
        moe: Expert part, if any (Gemma 4 has both).
        norms: Vectors of hidden size.
        extra_params: Small replicated parameters that fit no other field.
    """

    mixer: Mixer | None
    second_mixer: Mixer | None = None
    mlp: DenseMlp | None = None
    moe: Moe | None = None
    norms: int = 2
    extra_params: int = 0


class EncoderFacts(Struct, frozen=True, kw_only=True):
    """Vision or audio tower with its projector.

    Attributes:
        kind: ``model_type`` of the encoder.
        sharded_params: Parameters in matrices that engines shard by tensor parallelism.
        replicated_params: Parameters that every rank holds (patch and position embeddings, norms).
        max_tokens: Text tokens that the largest image or clip becomes; sizes the profiling batch. None if unknown.
        hidden: Width of the tower.
        intermediate: Width of its feed-forward part.
        patch_merge: Patches that become one text token.
        gated: Three feed-forward matrices per block instead of two.
        heads: Attention heads where their number decides whether attention is cut (InternViT), else 0.
        attention_params: Parameters of attention among the sharded ones, where ``heads`` is given.
    """

    kind: str
    sharded_params: int
    replicated_params: int
    max_tokens: int | None = None
    hidden: int = 0
    intermediate: int = 0
    patch_merge: int = 1
    gated: bool = False
    heads: int = 0
    attention_params: int = 0


class ModelFacts(Struct, frozen=True, kw_only=True, dict=True):
    """Architecture of one model and the quantization of its checkpoint.

    Attributes:
        model_id: Hugging Face id, or the name the caller gave to a local config.
        architecture: First entry of ``architectures``.
        model_type: ``model_type`` of the text model's config.
        hidden_size: Width of the residual stream.
        vocab_size: Rows of the embedding.
        layers: Decoder layers in order.
        mtp_layers: Multi-token-prediction layers; loaded only with speculative decoding.
        tie_word_embeddings: The head is the embedding.
        dtype: Dtype of the checkpoint's unquantized tensors, for example ``bfloat16``.
        max_position_embeddings: Longest context that the config declares, after rope scaling.
        rope_tables: Rows and width of each cached rotary table.
        learned_positions: Rows of a learned position table, 0 for rotary or ALiBi models.
        embedding_dim: Width of the embedding when it differs from the hidden size.
        embed_norms: Vectors of hidden size outside the layers (final norm and the like).
        head_bias: Bias on the head.
        extra_params: Replicated parameters outside the layers.
        extra_vocab_params: Vocabulary-shaped parameters outside the embedding (Gemma 3n per-layer embeddings).
        ssm_state_bytes: Bytes of one element of the recurrent state when the config fixes its dtype, else 0.
        generative: False for embedding and reward models, which have no head and no sampler.
        encoders: Vision and audio towers.
        quantization: What the checkpoint quantizes, None when it is plain.
        gated: Whether the Hub asks for a token and accepted terms; None when not known.
        revision: Commit of the Hub repository, when known.
        source: Where the facts were read.
        verified: False when the facts come from memory and were not read from a source.
    """

    model_id: str
    architecture: str
    model_type: str
    hidden_size: int
    vocab_size: int
    layers: tuple[Layer, ...]
    mtp_layers: tuple[Layer, ...] = ()
    tie_word_embeddings: bool = False
    dtype: str = "bfloat16"
    max_position_embeddings: int = 0
    rope_tables: tuple[tuple[int, int], ...] = ()
    learned_positions: int = 0
    embedding_dim: int | None = None
    embed_norms: int = 1
    head_bias: bool = False
    extra_params: int = 0
    extra_vocab_params: int = 0
    ssm_state_bytes: int = 0
    generative: bool = True
    encoders: tuple[EncoderFacts, ...] = ()
    quantization: QuantFacts | None = None
    gated: bool | None = None
    revision: str | None = None
    source: str | None = None
    verified: bool = True
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def from_hf_config(cls, config: Mapping[str, Any], *, model_id: str) -> ModelFacts:
        """Read a Hugging Face ``config.json``.

        Args:
            config: The parsed object; missing keys take the defaults of the transformers config class.
            model_id: Name for messages.

        Raises:
            ModelConfigError: The config lacks a shape without which nothing can be computed.
        """
        from llminfra.catalog.models.hf_config import facts_from_hf_config  # noqa: PLC0415  the parser needs this class

        return facts_from_hf_config(config, model_id=model_id)

    @cached_property
    def attentions(self) -> tuple[Attention | Mla, ...]:
        """Every softmax attention of the decoder, in layer order."""
        found: list[Attention | Mla] = []
        for layer in self.layers:
            found += [mixer for mixer in (layer.mixer, layer.second_mixer) if isinstance(mixer, Attention | Mla)]
        return tuple(found)

    @property
    def num_layers(self) -> int:
        """Decoder layers, MTP not counted."""
        return len(self.layers)

    @property
    def num_attention_heads(self) -> int:
        """Query heads of the first attention layer; 0 for attention-free models."""
        return self.attentions[0].heads if self.attentions else 0

    @property
    def num_key_value_heads(self) -> int:
        """Key-value heads of the first attention layer; 1 for MLA, 0 for attention-free models."""
        if not self.attentions:
            return 0
        first = self.attentions[0]
        return first.kv_heads if isinstance(first, Attention) else 1

    @property
    def head_dim(self) -> int:
        """Head size of the first attention layer."""
        if not self.attentions:
            return 0
        first = self.attentions[0]
        return first.head_dim if isinstance(first, Attention) else first.qk_nope_head_dim + first.qk_rope_head_dim

    @property
    def uses_mla(self) -> bool:
        """Whether the cache holds latent vectors."""
        return any(isinstance(item, Mla) for item in self.attentions)

    @property
    def is_moe(self) -> bool:
        """Whether any layer has routed experts."""
        return any(layer.moe for layer in self.layers)

    @property
    def is_hybrid(self) -> bool:
        """Whether any layer keeps a recurrent state instead of, or beside, a key-value cache."""
        return any(
            mixer is not None and not isinstance(mixer, Attention | Mla)
            for layer in self.layers
            for mixer in (layer.mixer, layer.second_mixer)
        )

    @property
    def num_experts(self) -> int:
        """Routed experts of the largest expert layer, 0 for dense models."""
        return max((layer.moe.experts for layer in self.layers if layer.moe), default=0)

    @property
    def moe_intermediate_size(self) -> int:
        """Hidden size of a routed expert, 0 for dense models."""
        return max((layer.moe.intermediate for layer in self.layers if layer.moe), default=0)

    @property
    def intermediate_size(self) -> int:
        """Widest dense feed-forward block, 0 when every layer is an expert layer."""
        return max((layer.mlp.intermediate for layer in self.layers if layer.mlp), default=0)
