"""Parameters of one token mixer (attention or recurrent) on one rank.

Query heads are cut by rank, key-value heads cut or replicated, the MLA down-projections replicated.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    QkNorm,
    SharedCompression,
    ShortConv,
)
from llminfra.planning.memory.shapes import Kind, Matrix, Part, Vector, cdiv, kv_heads_per_rank


def mixer_parts(mixer: Mixer, hidden: int, tp: int) -> Iterator[Part]:
    """Parameters of one token mixer on one rank."""
    match mixer:
        case Attention(compression=Compression() as compression):
            yield from _compressed_parts(mixer, compression, hidden, tp)
        case Attention():
            yield from _attention_parts(mixer, hidden, tp)
        case Mla():
            yield from _mla_parts(mixer, hidden, tp)
        case GatedDeltaNet():
            yield from _delta_net_parts(mixer, hidden, tp)
        case KimiDelta():
            yield from _kimi_delta_parts(mixer, hidden, tp)
        case Mamba2():
            yield from _mamba2_parts(mixer, hidden, tp)
        case Mamba1():
            yield from _mamba1_parts(mixer, hidden, tp)
        case ShortConv():
            dim = cdiv(mixer.dim, tp)
            yield Matrix(Kind.ATTENTION, ("conv.in_proj",), 3 * dim, hidden, bias=mixer.bias)
            yield Matrix(Kind.ATTENTION, ("conv.out_proj",), hidden, dim, bias=mixer.bias)
            yield Vector(dim * mixer.conv_kernel, kind=Kind.ATTENTION)
        case NgramMemory():
            # Keys and values, norms over all streams, the convolution: vllm/models/qwen4_exp/nvidia/ple_layer.py and
            # vllm/models/deepseek_v41/common/engram.py 0.33.0.
            wide = cdiv(mixer.width + hidden, tp) if mixer.cut else mixer.width + hidden
            yield Matrix(Kind.ATTENTION, ("ple.kv_proj", "ple.key_proj", "engram.wkv"), wide, mixer.embed)
            yield Vector((mixer.norms + mixer.conv_kernel) * mixer.width, kind=Kind.ATTENTION)
        case LightningAttention():
            inner = cdiv(mixer.heads, tp) * mixer.head_dim
            yield Matrix(Kind.ATTENTION, ("self_attn.qkv_proj",), 3 * inner, hidden)
            yield Matrix(Kind.ATTENTION, ("self_attn.output_gate",), inner, hidden)
            yield Matrix(Kind.ATTENTION, ("self_attn.out_proj",), hidden, inner)
            yield Vector(inner, kind=Kind.ATTENTION)


def _attention_parts(mixer: Attention, hidden: int, tp: int) -> Iterator[Part]:
    heads = cdiv(mixer.heads, tp)
    kv = kv_heads_per_rank(mixer.kv_heads, tp)
    query = heads * mixer.head_dim
    gate = cdiv(mixer.gate_dim, tp)
    names = ("self_attn.q_proj", "self_attn.qkv_proj", "mixer.q_proj", "attn.q_proj", "attention.wqkv")
    yield Matrix(Kind.ATTENTION, names, query + gate, hidden, bias=mixer.qkv_bias, fused="qkv")
    key_names = ("self_attn.k_proj", "self_attn.qkv_proj", "mixer.k_proj", "attn.k_proj")
    yield Matrix(Kind.ATTENTION, key_names, kv * mixer.head_dim, hidden, bias=mixer.qkv_bias, fused="qkv")
    value_names = ("self_attn.v_proj", "self_attn.qkv_proj", "mixer.v_proj", "attn.v_proj")
    yield Matrix(Kind.ATTENTION, value_names, kv * mixer.v_head_dim, hidden, bias=mixer.qkv_bias, fused="qkv")
    out_names = ("self_attn.o_proj", "mixer.o_proj", "attn.o_proj", "self_attn.out_proj", "attention.wo")
    yield Matrix(Kind.ATTENTION, out_names, hidden, heads * mixer.v_head_dim, bias=mixer.out_bias)
    small = heads if mixer.sinks else 0
    if mixer.qk_norm is QkNorm.PER_HEAD:
        small += 2 * mixer.head_dim
    elif mixer.qk_norm is QkNorm.FULL:
        small += query + kv * mixer.head_dim
    if mixer.indexer is not None:
        # One query and key projection and a norm for each, on every rank (vllm/models/qwen4_exp/nvidia/indexer_qsa.py);
        # queries cut with the keys' heads in MinimaxM3QKVParallelLinearWithIndexer.
        index = mixer.indexer
        queries = kv_heads_per_rank(index.heads, tp) if index.cut else index.heads
        picks = ("self_attn.indexer.index_qk_proj", "self_attn.qkv_proj")
        yield Matrix(Kind.ATTENTION, picks, (queries + 1) * index.head_dim, hidden)
        small += 2 * index.head_dim
    if small:
        yield Vector(small, kind=Kind.ATTENTION)


def _compressed_parts(mixer: Attention, compression: Compression, hidden: int, tp: int) -> Iterator[Part]:
    """vllm/models/deepseek_v4/attention.py and compressor.py, 0.33.0: down-projections and compressors replicated."""
    rank, head = compression.q_lora_rank, mixer.head_dim
    yield Matrix(Kind.ATTENTION, ("attn.wq_a", "attn.wkv", "attn.fused_wqa_wkv"), rank + head, hidden)
    yield Matrix(Kind.ATTENTION, ("attn.wq_b",), cdiv(mixer.heads, tp) * head, rank)
    wide = cdiv(compression.o_groups * compression.o_lora_rank, tp)
    yield Matrix(Kind.ATTENTION, ("attn.wo_a",), wide, mixer.heads * head // compression.o_groups)
    yield Matrix(Kind.ATTENTION, ("attn.wo_b",), hidden, wide)
    yield Vector(rank + head, kind=Kind.ATTENTION)
    yield Vector(cdiv(mixer.heads, tp), bytes_each=4, kind=Kind.ATTENTION)
    if isinstance(compression, SharedCompression):
        yield from _shared_parts(compression, head, hidden)
        return
    if compression.ratio > 1:
        yield from _compressor_parts(compression, head, hidden)
    if compression.indexer is not None:
        index = compression.indexer
        yield Matrix(Kind.ATTENTION, ("attn.indexer.wq_b",), index.heads * index.head_dim, rank)
        yield Matrix(Kind.ATTENTION, ("attn.indexer.weights_proj",), index.heads, hidden, quantizable=False)
        yield from _compressor_parts(compression, index.head_dim, hidden)


def _shared_parts(compression: SharedCompression, head: int, hidden: int) -> Iterator[Part]:
    """vllm/models/deepseek_v41/attention.py and compressor.py, 0.33.0."""
    if compression.states:
        # Values, and scores where a state is made of more than one token.
        made = head * (2 if compression.states > 1 else 1)
        yield Matrix(Kind.ATTENTION, ("attn.compressor.wkv",), made, hidden, quantizable=False)
        yield Vector(head, kind=Kind.ATTENTION)
    if compression.indexer is not None:
        index, rank = compression.indexer, compression.q_lora_rank
        yield Matrix(Kind.ATTENTION, ("attn.indexer.wq_b",), index.heads * index.head_dim, rank)
        yield Matrix(Kind.ATTENTION, ("attn.indexer.weights_proj",), index.heads, hidden, quantizable=False)
        if compression.states:
            yield Matrix(Kind.ATTENTION, ("attn.indexer.wk",), index.head_dim, head)
            yield Vector(index.head_dim, kind=Kind.ATTENTION)


def _compressor_parts(compression: Compression, head: int, hidden: int) -> Iterator[Part]:
    states = 2 * compression.overlap * head
    yield Matrix(Kind.ATTENTION, ("attn.compressor.wkv",), states, hidden, quantizable=False)
    yield Vector(compression.ratio * compression.overlap * head, bytes_each=4, kind=Kind.ATTENTION)
    yield Vector(head, kind=Kind.ATTENTION)


def _mla_parts(mixer: Mla, hidden: int, tp: int) -> Iterator[Part]:
    heads = cdiv(mixer.heads, tp)
    query_dim = mixer.qk_nope_head_dim + mixer.qk_rope_head_dim
    cut = not mixer.plain
    if mixer.q_lora_rank:
        names = ("self_attn.q_a_proj",)
        yield Matrix(Kind.ATTENTION, names, mixer.q_lora_rank, hidden, fused="qkv_a", quantizable=cut)
        names = ("self_attn.q_b_proj",)
        yield Matrix(Kind.ATTENTION, names, heads * query_dim, mixer.q_lora_rank, quantizable=cut)
        yield Vector(mixer.q_lora_rank, kind=Kind.ATTENTION)
    else:
        yield Matrix(Kind.ATTENTION, ("self_attn.q_proj",), heads * query_dim, hidden, quantizable=cut)
    names = ("self_attn.kv_a_proj_with_mqa",)
    yield Matrix(Kind.ATTENTION, names, mixer.latent_dim, hidden, fused="qkv_a", quantizable=cut)
    up = heads * (mixer.qk_nope_head_dim + mixer.v_head_dim)
    yield Matrix(Kind.ATTENTION, ("self_attn.kv_b_proj",), up, mixer.kv_lora_rank, quantizable=cut)
    yield Matrix(Kind.ATTENTION, ("self_attn.o_proj",), hidden, heads * mixer.v_head_dim, quantizable=cut)
    yield Vector(mixer.kv_lora_rank, kind=Kind.ATTENTION)
    if mixer.gated:
        # ``KimiK3MergedQKVGateLinear``, vllm/models/kimi_k3/nvidia 0.33.0.
        yield Matrix(Kind.ATTENTION, ("self_attn.g_proj",), heads * mixer.v_head_dim, hidden, quantizable=cut)
    if mixer.indexer is not None and not mixer.indexer.borrowed:
        index = mixer.indexer
        source = mixer.q_lora_rank or hidden
        names = ("self_attn.indexer.wq_b",)
        yield Matrix(Kind.ATTENTION, names, index.heads * index.head_dim, source, quantizable=cut)
        yield Matrix(Kind.ATTENTION, ("self_attn.indexer.wk",), index.head_dim, hidden, quantizable=cut)
        yield Matrix(Kind.ATTENTION, ("self_attn.indexer.weights_proj",), index.heads, hidden, quantizable=False)
        yield Vector(2 * index.head_dim, kind=Kind.ATTENTION)
        if index.pool > 1:
            # What weighs the keys of a pool: a gate, and a bias for each place (glm5next/common/attention.py 0.33.0).
            yield Vector(index.head_dim * hidden, kind=Kind.ATTENTION)
            yield Vector(index.pool * index.head_dim, bytes_each=4, kind=Kind.ATTENTION)


def _delta_net_parts(mixer: GatedDeltaNet, hidden: int, tp: int) -> Iterator[Part]:
    key = cdiv(mixer.key_heads * mixer.key_dim, tp)
    value = cdiv(mixer.value_heads * mixer.value_dim, tp)
    heads = cdiv(mixer.value_heads, tp)
    names = ("linear_attn.in_proj_qkvz", "linear_attn.in_proj_qkv")
    yield Matrix(Kind.ATTENTION, names, 2 * key + value, hidden, fused="qkvz")
    yield Matrix(Kind.ATTENTION, ("linear_attn.in_proj_qkvz", "linear_attn.in_proj_z"), value, hidden, fused="qkvz")
    gates = ("linear_attn.in_proj_ba", "linear_attn.in_proj_a", "linear_attn.in_proj_b")
    yield Matrix(Kind.ATTENTION, gates, 2 * heads, hidden)
    yield Matrix(Kind.ATTENTION, ("linear_attn.out_proj",), hidden, value)
    yield Vector((2 * key + value) * mixer.conv_kernel + mixer.value_dim, kind=Kind.ATTENTION)
    yield Vector(2 * heads, bytes_each=4, kind=Kind.ATTENTION)


def _kimi_delta_parts(mixer: KimiDelta, hidden: int, tp: int) -> Iterator[Part]:
    heads = cdiv(mixer.heads, tp)
    inner, cut = heads * mixer.head_dim, not mixer.plain
    for name in ("q_proj", "k_proj", "v_proj"):
        yield Matrix(Kind.ATTENTION, (f"self_attn.{name}",), inner, hidden, quantizable=cut)
    if mixer.full_gate:
        yield Matrix(Kind.ATTENTION, ("self_attn.g_proj",), inner, hidden, quantizable=cut)
    for name in ("f",) if mixer.full_gate else ("f", "g"):
        yield Matrix(Kind.ATTENTION, (f"self_attn.{name}_a_proj",), mixer.head_dim, hidden, quantizable=cut)
        yield Matrix(Kind.ATTENTION, (f"self_attn.{name}_b_proj",), inner, mixer.head_dim, quantizable=cut)
    yield Matrix(Kind.ATTENTION, ("self_attn.b_proj",), heads, hidden, quantizable=cut)
    yield Matrix(Kind.ATTENTION, ("self_attn.o_proj",), hidden, inner, quantizable=cut)
    yield Vector(3 * inner * mixer.conv_kernel, bytes_each=4 if mixer.plain else None, kind=Kind.ATTENTION)
    yield Vector(mixer.head_dim, kind=Kind.ATTENTION)
    yield Vector(heads + inner, bytes_each=4, kind=Kind.ATTENTION)


def _mamba2_parts(mixer: Mamba2, hidden: int, tp: int) -> Iterator[Part]:
    groups = _mamba_groups(mixer.groups, tp)
    inner, heads = cdiv(mixer.inner, tp), cdiv(mixer.heads, tp)
    convolved = inner + 2 * cdiv(groups, tp) * mixer.state
    yield Matrix(
        Kind.ATTENTION, ("mixer.in_proj", "mamba.in_proj"), inner + convolved + heads, hidden, bias=mixer.proj_bias
    )
    yield Matrix(Kind.ATTENTION, ("mixer.out_proj", "mamba.out_proj"), hidden, inner, bias=mixer.proj_bias)
    yield Vector(convolved * (mixer.conv_kernel + int(mixer.conv_bias)), kind=Kind.ATTENTION)
    yield Vector(inner if mixer.gated_norm else 0, kind=Kind.ATTENTION)
    yield Vector(3 * heads, bytes_each=4, kind=Kind.ATTENTION)


def _mamba_groups(groups: int, tp: int) -> int:
    """Groups after the padding that makes them divisible by the ranks."""
    return groups if groups % tp == 0 else tp


def _mamba1_parts(mixer: Mamba1, hidden: int, tp: int) -> Iterator[Part]:
    inner = cdiv(mixer.inner, tp)
    yield Matrix(Kind.ATTENTION, ("mamba.in_proj", "mixer.in_proj"), 2 * inner, hidden, bias=mixer.proj_bias)
    yield Matrix(Kind.ATTENTION, ("mamba.x_proj", "mixer.x_proj"), mixer.dt_rank + 2 * mixer.state, inner)
    yield Matrix(Kind.ATTENTION, ("mamba.dt_proj", "mixer.dt_proj"), inner, mixer.dt_rank, bias=True)
    yield Matrix(Kind.ATTENTION, ("mamba.out_proj", "mixer.out_proj"), hidden, inner, bias=mixer.proj_bias)
    yield Vector(inner * (mixer.conv_kernel + int(mixer.conv_bias)), kind=Kind.ATTENTION)
    yield Vector(inner * (mixer.state + 1), bytes_each=4, kind=Kind.ATTENTION)
