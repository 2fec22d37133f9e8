"""Every parameter of one decoder layer on one rank.

Column-parallel matrices are cut along their outputs, row-parallel ones along their inputs; routers and norms are
replicated; routed experts are cut along their width or, under expert parallelism, dealt out whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from llminfra.catalog.models.facts import DenseMlp, Layer, Moe
from llminfra.planning.memory.shapes import Kind, Matrix, Part, Shards, Vector, cdiv
from llminfra.planning.memory.weights.mixer_parts import mixer_parts


def layer_parts(layer: Layer, hidden: int, shards: Shards) -> Iterator[Part]:
    """Every parameter of one decoder layer on one rank."""
    for mixer in (layer.mixer, layer.second_mixer):
        if mixer is not None:
            yield from mixer_parts(mixer, hidden, shards.attention_tp or shards.tp)
    if layer.mlp is not None:
        yield from _mlp_parts(layer.mlp, hidden, shards.tp)
    if layer.moe is not None:
        yield from _moe_parts(layer.moe, hidden, shards, apart=layer.mlp is not None)
    yield Vector(layer.norms * hidden + layer.extra_params)
    if layer.extra_fp32:
        yield Vector(layer.extra_fp32, bytes_each=4)


def _mlp_parts(mlp: DenseMlp, hidden: int, tp: int) -> Iterator[Part]:
    width = cdiv(mlp.intermediate, tp)
    if mlp.gated:
        names = ("mlp.gate_proj", "mlp.gate_up_proj", "feed_forward.w1", "mlp.w2")
        yield Matrix(Kind.MLP, names, width, hidden, bias=mlp.bias, fused="gate_up")
    up = ("mlp.up_proj", "mlp.gate_up_proj", "feed_forward.w3", "mixer.up_proj", "mlp.w1")
    yield Matrix(Kind.MLP, up, width, hidden, bias=mlp.bias, fused="gate_up")
    down = ("mlp.down_proj", "feed_forward.w2", "mixer.down_proj", "mlp.c_proj")
    yield Matrix(Kind.MLP, down, hidden, width, bias=mlp.bias)


_EXPERTS = ("mlp.experts", "mixer.experts", "ffn.experts", "block_sparse_moe.experts", "experts")
_EXPERTS_UP = ("mlp.experts.0.up_proj", "block_sparse_moe.experts.0.w3", "mixer.experts.0.up_proj", "ffn.experts.0.w3",
               *_EXPERTS)  # fmt: skip
_EXPERTS_DOWN = ("mlp.experts.0.down_proj", "block_sparse_moe.experts.0.w2", "mixer.experts.0.down_proj",
                 "ffn.experts.0.w2", *_EXPERTS)  # fmt: skip
_APART_UP = ("experts.0.up_proj", "moe.experts.0.up_proj", "experts", "moe.experts")
EXPERT_NAMES = (*_EXPERTS_UP, *_APART_UP)
"""Paths below a layer that checkpoints use for a routed expert."""
_APART_DOWN = ("experts.0.down_proj", "moe.experts.0.down_proj", "experts", "moe.experts")


def _moe_parts(moe: Moe, hidden: int, shards: Shards, *, apart: bool) -> Iterator[Part]:
    """Matrices of the experts; ``apart`` from a dense part that has ``mlp`` for itself (Gemma 4)."""
    experts, width = moe.experts, moe.intermediate
    if shards.ep > 1:
        experts = cdiv(experts, shards.ep)
    else:
        width = cdiv(width, shards.moe_tp or shards.tp)
    inner = moe.latent or hidden
    gate = ("mlp.gate", "mlp.router", "block_sparse_moe.gate", "mixer.gate", "feed_forward.router", "router")
    yield Matrix(Kind.MLP, gate, moe.experts, hidden, bias=moe.bias, quantizable=False)
    if moe.router_bias and not moe.bias:
        yield Vector(moe.experts, bytes_each=4, kind=Kind.MLP)
    plain = not moe.gated
    up, down = (_APART_UP, _APART_DOWN) if apart else (_EXPERTS_UP, _EXPERTS_DOWN)
    yield Matrix(Kind.EXPERTS, up, width * (1 if plain else 2), inner, count=experts, bias=moe.bias, ungated=plain)
    yield Matrix(Kind.EXPERTS, down, inner, width, count=experts, bias=moe.bias, ungated=plain)
    if moe.latent:
        named = not moe.latent_plain
        yield Matrix(Kind.MLP, ("mixer.fc1_latent_proj",), moe.latent, hidden, quantizable=named)
        yield Matrix(Kind.MLP, ("mixer.fc2_latent_proj",), hidden, moe.latent, quantizable=named)
    if moe.shared_intermediate:
        shared = cdiv(moe.shared_intermediate, shards.tp)
        names = ("mlp.shared_experts.gate_proj", "mlp.shared_expert.gate_proj", "ffn.shared_experts.w1",
                 "mixer.shared_experts.up_proj", "mlp.shared_experts", "mlp.shared_expert",
                 "feed_forward.shared_expert.gate_proj")  # fmt: skip
        yield Matrix(Kind.MLP, names, shared * (2 if moe.gated else 1), hidden)
        names = ("mlp.shared_experts.down_proj", "mlp.shared_expert.down_proj", "ffn.shared_experts.w2",
                 "mixer.shared_experts.down_proj", "mlp.shared_experts", "mlp.shared_expert",
                 "feed_forward.shared_expert.down_proj")  # fmt: skip
        yield Matrix(Kind.MLP, names, hidden, shared)
        if moe.shared_gate:
            yield Matrix(Kind.MLP, ("mlp.shared_expert_gate",), 1, hidden, quantizable=False)
