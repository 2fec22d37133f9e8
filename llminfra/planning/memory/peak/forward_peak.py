"""Tensors alive at once while the profiling run pushes a batch through the decoder layers.

Compiled models (V1) keep two copies of the residual stream beside a block's own tensors. Models run line by line (V0,
and V1 with ``enforce_eager``) keep three, because the caller still holds the input of the layer; a fourth where the
feed-forward block keeps its first product until its output exists, and a fifth where the ranks' sum is a new tensor.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from llminfra.catalog.models.facts import Layer, ModelFacts, Moe
from llminfra.catalog.models.mixers import Attention, GatedDeltaNet, KimiDelta, Mamba2, Mla
from llminfra.planning.memory.peak.expert_kernels import (
    SCORE_BYTES,
    Experts,
    Routed,
    gathered_bytes,
    kept_bytes,
    passing_bytes,
    routed,
)
from llminfra.planning.memory.peak.overhead import GIB
from llminfra.planning.memory.releases.engine_profile import EngineProfile, drops_gate_up
from llminfra.planning.memory.shapes import cdiv, kv_heads_per_rank


class Products(StrEnum):
    """What multiplies by the matrices of the layers; cuBLAS keeps a workspace from its first product on."""

    CUBLAS = "cublas"
    MARLIN = "marlin"
    UNKNOWN = "unknown"


class Batch(Struct, frozen=True, kw_only=True):
    """What the profiling run pushes through one rank.

    Attributes:
        tokens: ``max_num_batched_tokens``.
        sequences: ``max_num_seqs``.
        length: ``max_model_len``.
        tp: Tensor-parallel ranks.
        ep: Expert-parallel ranks, 1 for none.
        dp: Data-parallel ranks, whose tokens every rank gathers before its experts work.
        expert_rows: Most tokens that one pass through the experts takes, 0 for all.
        block: ``block_size``, after the engine raised it for recurrent layers.
        element: Bytes of one activation.
        eager: The model runs line by line, not compiled.
        compiled: An earlier start left the compiled model in the cache.
        awq: Matrices are in AWQ format.
        multiprocessors: Of the device; the sampler's kernel takes a row of buffer for each.
        libraries: Bytes that libraries allocate with PyTorch and keep.
        experts: How routed experts run.
        items: Most images of one request, 0 where nothing limits them.
        products: What multiplies by the matrices of the layers, where it is known which tensors are there with it.
        workspace_bytes: Of cuBLAS' workspace.
        guesses: Tokens are guessed and checked.
        sampler_rows: Rows of the vocabulary in the buffer that the first runner's sampler keeps, 0 for none.
    """

    tokens: int
    sequences: int
    length: int
    tp: int = 1
    ep: int = 1
    dp: int = 1
    expert_rows: int = 32768
    block: int = 16
    element: int = 2
    eager: bool = False
    compiled: bool = False
    awq: bool = False
    multiprocessors: int = 0
    libraries: int = 0
    experts: Experts = Experts()
    items: int = 0
    products: Products = Products.UNKNOWN
    workspace_bytes: int = 0
    sampler_rows: int = 0
    guesses: bool = False

    @property
    def gathered(self) -> int:
        """Tokens that the experts of a rank see: ``AgRsAll2AllManager`` and, until 0.10, ``NaiveAll2AllManager``.

        vllm/distributed/device_communicators/all2all.py 0.9.2-0.33.0; the profiling run of every rank brings as many.
        """
        return self.tokens * self.dp

    @property
    def pass_tokens(self) -> int:
        """Tokens of one pass through the experts."""
        return min(self.gathered, self.expert_rows) if self.expert_rows else self.gathered


def forward_peak(facts: ModelFacts, batch: Batch, profile: EngineProfile) -> float:
    """Bytes of the largest layer with the residual streams beside it."""
    stream = batch.tokens * facts.hidden_size * batch.element
    context = mla_context(batch, profile)
    widest, kept = 0.0, 0.0
    workspace = max((expert_workspace(layer, facts, batch) for layer in facts.layers), default=0)
    for layer in {id(layer): layer for layer in facts.layers}.values():
        experts, mixer = _mlp_peak(layer, facts, batch, profile), _mixer_peak(layer, facts, batch)
        if isinstance(layer.mixer, Mla):
            heads = cdiv(layer.mixer.heads, batch.tp)
            mixer += context * heads * (layer.mixer.qk_nope_head_dim + layer.mixer.v_head_dim) * batch.element
            if layer.mixer.indexer is not None:
                # The workspace manager keeps one buffer for experts and sparse attention alike.
                work = _sparse_workspace(layer.mixer, profile, batch.length)
                mixer += max(experts, work) + profile.sparse_logits_gib * GIB
        elif isinstance(layer.mixer, Attention) and layer.mixer.compression is not None:
            mixer += max(experts, compressed_workspace(layer.mixer, batch))
            mixer += profile.sparse_logits_gib * GIB if layer.mixer.compression.indexer is not None else 0.0
        else:
            mixer += workspace
        widest = max(widest, experts + _held(layer, facts, batch), mixer)
        kept = max(kept, _kept_attention(layer, batch))
    if not batch.eager:
        return 2 * stream + widest
    summed = 1 if batch.tp > 1 and profile.sums_to_new_tensor else 0
    gated = any(layer.mlp is not None and layer.mlp.gated for layer in facts.layers)
    if profile.keeps_gate_up or (gated and not drops_gate_up(facts.architecture)):
        streams = 4 + summed
    else:
        streams = 3
        widest = max(widest, (1 + summed) * stream + _activated(facts, batch))
    dequantized = _dequantized(facts, batch) if batch.awq and not profile.awq_split_k else 0.0
    delta = eager_delta(facts, batch, profile) + workspace
    return max(streams * stream + widest + dequantized + (kept if profile.keeps_reserved else 0.0), delta)


def eager_delta(facts: ModelFacts, batch: Batch, profile: EngineProfile) -> float:
    """Most that is there while a delta layer runs line by line; 0 for models without one, and in V0.

    The layer's input and residual, which the model's loop holds; both after the norm, which makes new ones; the product
    of the output, its sum over the ranks, and until 0.25 the tensor that the layer was given for it; the projections,
    of which the gate is a part, a copy of the gate, and the gated output. ``Qwen3NextDecoderLayer.forward``
    (qwen3_next.py 0.18.1-0.27.1), ``GemmaRMSNorm`` (layernorm.py), ``forward_cuda`` of qwen_gdn_linear_attn.py.
    Measured: 159 KiB a token of Qwen3.5 122B on four L40S with 0.18.0, of which these are 158 with what experts keep.
    """
    if profile.scheduler == "v0":
        return 0.0
    streams = 5 + int(profile.gives_output) + int(batch.tp > 1)
    widths = [
        _delta_projections(layer.mixer, batch.tp) + 2 * cdiv(layer.mixer.value_heads * layer.mixer.value_dim, batch.tp)
        for layer in facts.layers
        if isinstance(layer.mixer, GatedDeltaNet)
    ]
    return float(batch.tokens * (streams * facts.hidden_size + max(widths)) * batch.element) if widths else 0.0


def _activated(facts: ModelFacts, batch: Batch) -> float:
    """Activation that the last matrix of the feed-forward block reads while it writes its output."""
    width = max((layer.mlp.intermediate for layer in facts.layers if layer.mlp is not None), default=0)
    return float(batch.tokens * cdiv(width, batch.tp) * batch.element)


def _dequantized(facts: ModelFacts, batch: Batch) -> float:
    """The first matrix of the feed-forward block in 16 bit: AWQ without Marlin expands it for long prompts.

    It is counted beside the block's other tensors, the upper of what may live at once.
    """
    mlps = [layer.mlp for layer in facts.layers if layer.mlp is not None]
    width = max((cdiv(mlp.intermediate, batch.tp) * (2 if mlp.gated else 1) for mlp in mlps), default=0)
    return float(width * facts.hidden_size * batch.element)


def mla_context(batch: Batch, profile: EngineProfile) -> int:
    """Context tokens that latent attention expands at once: ``determine_chunked_prefill_workspace_size``."""
    if not profile.mla_context_tokens:
        return 0
    wanted = min(max(8 * batch.length, 4 * batch.sequences * batch.block), profile.mla_context_tokens)
    if profile.mla_page_each:
        return max(wanted, batch.sequences * batch.block)
    return batch.block * cdiv(wanted, batch.block)


def mla_workspace(facts: ModelFacts, batch: Batch, profile: EngineProfile) -> int:
    """Bytes in which those tokens are gathered, which come after the profiling run (``chunked_prefill_workspace``)."""
    width = max((layer.mixer.latent_dim for layer in facts.layers if isinstance(layer.mixer, Mla)), default=0)
    return mla_context(batch, profile) * width * batch.element


def _sparse_workspace(mixer: Mla, profile: EngineProfile, length: int) -> float:
    factor = profile.sparse_workspace_factor
    if profile.sparse_workspace_long_factor and length > 256 * 1024:
        factor = profile.sparse_workspace_long_factor
    return float(factor * length * mixer.latent_dim * 2)


def compressed_workspace(mixer: Attention, batch: Batch) -> float:
    """Bytes that compressed attention reserves: gathered states of four prompts, or what the indexer looks through.

    vllm/model_executor/layers/deepseek_v4_attention.py 0.20.2 (PREFILL_CHUNK_SIZE 4; 40 context lengths of keys, over
    the ratio of compression).
    """
    compression = mixer.compression
    if compression is None:
        return 0.0
    states = cdiv(batch.length, compression.ratio) if compression.ratio > 1 else 0
    gathered = 4 * (states + (mixer.window or 0) + batch.tokens) * mixer.head_dim * batch.element
    indexer = compression.indexer
    looked = 40 * states * (indexer.head_dim + 4) if indexer is not None else 0
    return float(max(gathered, looked))


def _kept_attention(layer: Layer, batch: Batch) -> float:
    """Freed blocks of the attention that the feed-forward block cannot reuse, where the allocator's reserve counts."""
    if not isinstance(layer.mixer, Attention):
        return 0.0
    query = cdiv(layer.mixer.heads, batch.tp) * layer.mixer.head_dim
    key = kv_heads_per_rank(layer.mixer.kv_heads, batch.tp) * layer.mixer.head_dim
    projected = query + 2 * key
    activated = cdiv(layer.mlp.intermediate, batch.tp) if layer.mlp is not None else 0
    # The activation goes into the block of the projections when it is not larger.
    left = projected - activated if 0 < activated <= projected else projected
    return float(batch.tokens * left * batch.element)


def _mlp_peak(layer: Layer, facts: ModelFacts, batch: Batch, profile: EngineProfile) -> float:
    hidden, tokens, element = facts.hidden_size, batch.tokens, batch.element
    split = profile.awq_split_k if batch.awq else 0
    peak = 0.0
    if layer.mlp is not None:
        width = cdiv(layer.mlp.intermediate, batch.tp)
        first = 2 if layer.mlp.gated else 1
        peak = tokens * width * max(first + 1, first * (split + 1)) * element
    if layer.moe is not None:
        moe = layer.moe
        item = _routed(moe, facts, batch)
        if profile.scheduler == "v0":
            # fused_moe.py until 0.7.3: one buffer each for both products and for the activation between them.
            work = float(item.rows * (item.first + item.width + hidden) * element)
        else:
            work = kept_bytes(item, batch.experts) + passing_bytes(item, batch.experts)
        if split:
            # Experts run one after the other over all tokens, each whole on its rank. The sum of their outputs lands in
            # the first buffer and keeps the next expert out of it, so the allocator ends with two.
            work = tokens * moe.intermediate * (2 * split + 2) * element
        shared = tokens * cdiv(moe.shared_intermediate, batch.tp) * 3 * element
        # The output of all that was gathered, beside it what was gathered, or the router's scores.
        moved = batch.gathered * hidden * element + _gathered(moe, facts, batch)
        peak = max(peak, work + moved + shared)
    return float(peak)


def _gathered(moe: Moe, facts: ModelFacts, batch: Batch) -> float:
    if batch.dp == 1:
        return float(batch.tokens * moe.experts * SCORE_BYTES)
    item = routed(moe, facts.hidden_size, tokens=batch.gathered, tp=batch.tp, ep=batch.ep, element=batch.element)
    return gathered_bytes(item, batch.experts, own=batch.tokens, all_experts=moe.experts)


def in_pieces(batch: Batch) -> bool:
    """Whether experts run as an operator of a compiled piece, and in the manager's buffers."""
    return batch.experts.managed and not batch.eager


def _held(layer: Layer, facts: ModelFacts, batch: Batch) -> float:
    """What is there beside a compiled layer's experts that is none of theirs.

    The piece between two attentions is given what the first one made, and whoever calls it holds that until it returns:
    the output of attention and its gate, or the projections of a delta layer, of which the gate is a part, and the
    output. The product of the output is kept for the residual, which is added up again after the experts. Read from
    ``PiecewiseBackend.__call__`` (vllm/compilation/piecewise_backend.py 0.24.0) and by compiling a layer of Qwen3.5
    with PyTorch 2.13.0, which also makes three tensors of the normed input for an operator that takes it three times.
    """
    if layer.moe is None or not in_pieces(batch):
        return 0.0
    mixer, tp = layer.mixer, batch.tp
    width = facts.hidden_size
    if layer.moe.shared_intermediate:
        # What shared experts made, and what they and the router read; what they held themselves is free by then.
        width += 3 * (facts.hidden_size - cdiv(layer.moe.shared_intermediate, tp))
    if isinstance(mixer, Attention):
        width += cdiv(mixer.heads, tp) * mixer.head_dim + cdiv(mixer.gate_dim, tp)
    elif isinstance(mixer, Mla):
        width += cdiv(mixer.heads, tp) * mixer.v_head_dim
    elif isinstance(mixer, GatedDeltaNet):
        width += _delta_projections(mixer, tp) + cdiv(mixer.value_heads * mixer.value_dim, tp)
    return float(batch.tokens * width * batch.element)


def _delta_projections(mixer: GatedDeltaNet, tp: int) -> int:
    """Columns of queries, keys, values and gates of a delta layer on one rank."""
    return cdiv(2 * mixer.key_heads * mixer.key_dim + 2 * mixer.value_heads * mixer.value_dim, tp)


def expert_workspace(layer: Layer, facts: ModelFacts, batch: Batch) -> int:
    """Bytes of the buffers that stay when the layer's experts are done."""
    return 0 if layer.moe is None else kept_bytes(_routed(layer.moe, facts, batch), batch.experts)


def _routed(moe: Moe, facts: ModelFacts, batch: Batch) -> Routed:
    return routed(moe, facts.hidden_size, tokens=batch.pass_tokens, tp=batch.tp, ep=batch.ep, element=batch.element)


def _mixer_peak(layer: Layer, facts: ModelFacts, batch: Batch) -> float:
    mixer, tp = layer.mixer, batch.tp
    if isinstance(mixer, Attention):
        query = cdiv(mixer.heads, tp) * mixer.head_dim
        key = kv_heads_per_rank(mixer.kv_heads, tp) * mixer.head_dim
        width = 2 * query + 2 * key + query + cdiv(mixer.gate_dim, tp)
        if mixer.compression is not None:
            # Two copies of the other residual streams, and the output, whose heads FlashMLA wants as 64 or 128.
            width += 2 * (mixer.compression.streams - 1) * facts.hidden_size
            heads = cdiv(mixer.heads, tp)
            width += max(0, (64 if heads <= 64 else 128) - heads) * mixer.head_dim
    elif isinstance(mixer, Mla):
        heads = cdiv(mixer.heads, tp)
        per_head = 3 * (mixer.qk_nope_head_dim + mixer.qk_rope_head_dim) + 2 * mixer.v_head_dim
        width = heads * per_head + (mixer.q_lora_rank or 0) + mixer.latent_dim
    elif isinstance(mixer, GatedDeltaNet):
        width = _delta_projections(mixer, tp) * 3
    elif isinstance(mixer, KimiDelta):
        # Queries, keys, values, both gates, one of them also in fp32, and the output: eight 16-bit widths.
        width = 8 * cdiv(mixer.heads * mixer.head_dim, tp)
    elif isinstance(mixer, Mamba2):
        width = cdiv(2 * mixer.inner, tp) * 3
    else:
        width = cdiv(2 * facts.hidden_size, tp) * 3
    # Two copies of the other residual streams.
    width += 2 * (layer.streams - 1) * facts.hidden_size
    return float(batch.tokens * width * batch.element)


def held_by_all_reduce(facts: ModelFacts, batch: Batch, stages: int) -> float:
    """Bytes that two all-reduces a layer, and the embedding's, keep allocated until the run ends."""
    if batch.tp == 1:
        return 0.0
    layers = cdiv(facts.num_layers, stages)
    return float((2 * layers + 1) * batch.tokens * facts.hidden_size * batch.element)
