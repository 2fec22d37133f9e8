"""Bytes of weights on one rank, from the shapes that the engine allocates.

The shapes follow vLLM's layers (``vllm/model_executor/layers``, read in 0.8.5 to 0.33.0): column-parallel matrices are
cut along their outputs, row-parallel ones along their inputs, query heads by rank, key-value heads cut or replicated,
the vocabulary padded to 64 rows and cut, routers, norms and the MLA down-projections replicated, routed experts cut
along their width or, under expert parallelism, dealt out whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

from llminfra.catalog.models.facts import (
    Attention,
    DenseMlp,
    GatedDeltaNet,
    KimiDelta,
    Layer,
    LightningAttention,
    Mamba1,
    Mamba2,
    Mixer,
    Mla,
    ModelFacts,
    Moe,
    QkNorm,
    ShortConv,
)
from llminfra.catalog.models.quantization import QuantFacts, WeightFormat, WeightScheme
from llminfra.planning.memory.module_names import scheme_for

VOCAB_PADDING = 64
"""Rows: ``DEFAULT_VOCAB_PADDING_SIZE``, vllm/model_executor/layers/vocab_parallel_embedding.py."""


class Kind(StrEnum):
    """Which part of the model a matrix belongs to."""

    EMBEDDING = "embedding"
    ATTENTION = "attention"
    MLP = "mlp"
    EXPERTS = "experts"
    HEAD = "head"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Matrix:
    """One weight matrix as one rank holds it.

    Attributes:
        kind: Part of the model.
        names: Module paths below the layer under which checkpoints name it, any of which an ignore list may use.
        outputs: Rows on this rank.
        inputs: Columns on this rank.
        count: Equal matrices (experts).
        bias: A bias of ``outputs`` elements.
        quantizable: False for what engines never quantize.
        fused: Matrices of one layer with the same name here are one allocation.
    """

    kind: Kind
    names: tuple[str, ...]
    outputs: int
    inputs: int
    count: int = 1
    bias: bool = False
    quantizable: bool = True
    fused: str = ""


@dataclass(frozen=True, slots=True)
class Vector:
    """Elements that stay unquantized and whole on every rank, with their size in bytes when it is not the dtype's."""

    elements: int
    bytes_each: int | None = None
    kind: Kind = Kind.OTHER


Part = Matrix | Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Shards:
    """How the model is spread.

    Attributes:
        tp: Tensor-parallel ranks.
        pp: Pipeline stages.
        ep: Ranks that share the routed experts out whole; 1 cuts experts by ``moe_tp`` instead.
        moe_tp: Ranks that cut the experts; 0 for ``tp``. Data-parallel ranks of one engine join in.
        capability: Compute capability of the device times ten, 0 when unknown; decides the padding of MXFP4 experts.
    """

    tp: int = 1
    pp: int = 1
    ep: int = 1
    moe_tp: int = 0
    capability: int = 0


@dataclass(slots=True)
class WeightBytes:
    """Bytes by part of the model on one rank."""

    by_kind: dict[Kind, float] = field(default_factory=dict)

    def add(self, kind: Kind, amount: float) -> None:
        """Add ``amount`` bytes to ``kind``."""
        self.by_kind[kind] = self.by_kind.get(kind, 0.0) + amount

    @property
    def total(self) -> float:
        """All bytes."""
        return sum(self.by_kind.values())


def cdiv(number: int, divisor: int) -> int:
    """Ceiling division."""
    return -(-number // divisor)


def padded_vocab(rows: int, tp: int) -> int:
    """Embedding rows on one rank."""
    padded = cdiv(rows, VOCAB_PADDING) * VOCAB_PADDING
    return cdiv(padded, tp)


def dtype_bytes(dtype: str) -> int:
    """Bytes of one unquantized element."""
    return 4 if dtype in {"float32", "float"} else 2


def matrix_bytes(matrix: Matrix, scheme: WeightScheme | None, dtype_size: int) -> tuple[float, float]:
    """Bytes of the stored elements of a matrix (times its count), and of its scales, zero points and bias."""
    outputs, inputs = matrix.outputs, matrix.inputs
    elements = outputs * inputs
    bits = 8 * dtype_size if scheme is None else scheme.bits
    side = 0.0 if scheme is None else _side_bytes(scheme, outputs, inputs)
    if matrix.bias:
        side += outputs * dtype_size
    return elements * bits / 8 * matrix.count, side * matrix.count


def _side_bytes(scheme: WeightScheme, outputs: int, inputs: int) -> float:
    elements = outputs * inputs
    match scheme.format:
        case WeightFormat.NVFP4:
            return elements / 16 + 12
        case WeightFormat.MXFP4 | WeightFormat.MXFP8:
            return elements / 32
        case WeightFormat.BNB_NF4:
            # One absmax per 64 weights, itself quantized to 8 bit, and an fp32 scale per 256 of those.
            return elements / 64 * (1 + 4 / 256)
        case WeightFormat.BNB_INT8:
            return 4 * outputs
    if scheme.block is not None:
        return 4 * cdiv(outputs, scheme.block[0]) * cdiv(inputs, scheme.block[1])
    if scheme.format is WeightFormat.FP8 or (scheme.format is WeightFormat.INT8 and scheme.group == 0):
        return 4 * outputs if scheme.group == 0 else 8
    groups = cdiv(inputs, scheme.group) if scheme.group > 0 else 1
    side = 2.0 * outputs * groups
    if scheme.zero_points:
        side += outputs * groups * scheme.bits / 8
    if scheme.activation_order:
        side += 2 * 4 * inputs
    return side


_MIB = 2**20


def allocated_bytes(size: float) -> float:
    """What one tensor of ``size`` bytes takes from PyTorch's caching allocator.

    Tensors of 10 MiB and more get their own segment in steps of 2 MiB; a rest of at most 1 MiB is not split off
    (``c10/cuda/CUDACachingAllocator.cpp``: kMinLargeAlloc, kRoundLarge, kSmallSize).
    """
    if size < 10 * _MIB:
        return size
    segment = -(-size // (2 * _MIB)) * 2 * _MIB
    return segment if segment - size <= _MIB else size


def layer_parts(layer: Layer, hidden: int, shards: Shards) -> Iterator[Part]:
    """Every parameter of one decoder layer on one rank."""
    for mixer in (layer.mixer, layer.second_mixer):
        if mixer is not None:
            yield from mixer_parts(mixer, hidden, shards.tp)
    if layer.mlp is not None:
        yield from _mlp_parts(layer.mlp, hidden, shards.tp)
    if layer.moe is not None:
        yield from _moe_parts(layer.moe, hidden, shards)
    yield Vector(layer.norms * hidden + layer.extra_params)


def mixer_parts(mixer: Mixer, hidden: int, tp: int) -> Iterator[Part]:
    """Parameters of one token mixer on one rank."""
    match mixer:
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
        case LightningAttention():
            inner = cdiv(mixer.heads, tp) * mixer.head_dim
            yield Matrix(Kind.ATTENTION, ("self_attn.qkv_proj",), 3 * inner, hidden)
            yield Matrix(Kind.ATTENTION, ("self_attn.output_gate",), inner, hidden)
            yield Matrix(Kind.ATTENTION, ("self_attn.out_proj",), hidden, inner)
            yield Vector(inner, kind=Kind.ATTENTION)


def kv_heads_per_rank(kv_heads: int, tp: int) -> int:
    """Key-value heads on one rank: cut while they last, then replicated."""
    return max(1, cdiv(kv_heads, tp))


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
    if small:
        yield Vector(small, kind=Kind.ATTENTION)


def _mla_parts(mixer: Mla, hidden: int, tp: int) -> Iterator[Part]:
    heads = cdiv(mixer.heads, tp)
    query_dim = mixer.qk_nope_head_dim + mixer.qk_rope_head_dim
    if mixer.q_lora_rank:
        yield Matrix(Kind.ATTENTION, ("self_attn.q_a_proj",), mixer.q_lora_rank, hidden, fused="qkv_a")
        yield Matrix(Kind.ATTENTION, ("self_attn.q_b_proj",), heads * query_dim, mixer.q_lora_rank)
        yield Vector(mixer.q_lora_rank, kind=Kind.ATTENTION)
    else:
        yield Matrix(Kind.ATTENTION, ("self_attn.q_proj",), heads * query_dim, hidden)
    yield Matrix(Kind.ATTENTION, ("self_attn.kv_a_proj_with_mqa",), mixer.latent_dim, hidden, fused="qkv_a")
    up = heads * (mixer.qk_nope_head_dim + mixer.v_head_dim)
    yield Matrix(Kind.ATTENTION, ("self_attn.kv_b_proj",), up, mixer.kv_lora_rank)
    # The absorbed halves of kv_b_proj (W_UK, W_UV) are kept beside it in 16 bit for decoding.
    yield Vector(up * mixer.kv_lora_rank, bytes_each=2, kind=Kind.ATTENTION)
    yield Matrix(Kind.ATTENTION, ("self_attn.o_proj",), hidden, heads * mixer.v_head_dim)
    yield Vector(mixer.kv_lora_rank, kind=Kind.ATTENTION)
    if mixer.indexer is not None:
        index = mixer.indexer
        source = mixer.q_lora_rank or hidden
        yield Matrix(Kind.ATTENTION, ("self_attn.indexer.wq_b",), index.heads * index.head_dim, source)
        yield Matrix(Kind.ATTENTION, ("self_attn.indexer.wk",), index.head_dim, hidden)
        yield Matrix(Kind.ATTENTION, ("self_attn.indexer.weights_proj",), index.heads, hidden, quantizable=False)
        yield Vector(2 * index.head_dim, kind=Kind.ATTENTION)


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
    inner = heads * mixer.head_dim
    for name in ("q_proj", "k_proj", "v_proj"):
        yield Matrix(Kind.ATTENTION, (f"self_attn.{name}",), inner, hidden)
    for name in ("f", "g"):
        yield Matrix(Kind.ATTENTION, (f"self_attn.{name}_a_proj",), mixer.head_dim, hidden)
        yield Matrix(Kind.ATTENTION, (f"self_attn.{name}_b_proj",), inner, mixer.head_dim)
    yield Matrix(Kind.ATTENTION, ("self_attn.b_proj",), heads, hidden)
    yield Matrix(Kind.ATTENTION, ("self_attn.o_proj",), hidden, inner)
    yield Vector(3 * inner * mixer.conv_kernel + mixer.head_dim, kind=Kind.ATTENTION)
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


def _mlp_parts(mlp: DenseMlp, hidden: int, tp: int) -> Iterator[Part]:
    width = cdiv(mlp.intermediate, tp)
    if mlp.gated:
        names = ("mlp.gate_proj", "mlp.gate_up_proj", "feed_forward.w1", "mlp.w2")
        yield Matrix(Kind.MLP, names, width, hidden, bias=mlp.bias, fused="gate_up")
    up = ("mlp.up_proj", "mlp.gate_up_proj", "feed_forward.w3", "mixer.up_proj", "mlp.w1")
    yield Matrix(Kind.MLP, up, width, hidden, bias=mlp.bias, fused="gate_up")
    down = ("mlp.down_proj", "feed_forward.w2", "mixer.down_proj", "mlp.c_proj")
    yield Matrix(Kind.MLP, down, hidden, width, bias=mlp.bias)


def _moe_parts(moe: Moe, hidden: int, shards: Shards) -> Iterator[Part]:
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
    up = ("mlp.experts.0.up_proj", "block_sparse_moe.experts.0.w3", "mixer.experts.0.up_proj", "ffn.experts.0.w3",
          "mlp.experts", "mixer.experts", "ffn.experts", "block_sparse_moe.experts", "experts")  # fmt: skip
    yield Matrix(Kind.EXPERTS, up, width * (2 if moe.gated else 1), inner, count=experts, bias=moe.bias)
    down = ("mlp.experts.0.down_proj", "block_sparse_moe.experts.0.w2", "mixer.experts.0.down_proj",
            "ffn.experts.0.w2", "mlp.experts", "mixer.experts", "ffn.experts", "block_sparse_moe.experts",
            "experts")  # fmt: skip
    yield Matrix(Kind.EXPERTS, down, inner, width, count=experts, bias=moe.bias)
    if moe.latent:
        yield Matrix(Kind.MLP, ("mixer.fc1_latent_proj",), moe.latent, hidden)
        yield Matrix(Kind.MLP, ("mixer.fc2_latent_proj",), hidden, moe.latent)
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


def pipeline_ranges(count: int, stages: int) -> list[range]:
    """Layers of each stage: equal shares, the remainder from the last-but-one stage backwards.

    As ``get_pp_indices`` in vllm/distributed/utils.py does since 0.8; before, the last stage took the remainder.
    """
    base, extra = divmod(count, stages)
    sizes = [base] * stages
    for offset in range(2, extra + 2):
        sizes[-offset if offset <= stages else -1] += 1
    ranges, start = [], 0
    for size in sizes:
        ranges.append(range(start, start + size))
        start += size
    return ranges


def rank_weights(
    facts: ModelFacts,
    quant: QuantFacts | None,
    shards: Shards,
    *,
    dtype: str,
    with_mtp: bool = False,
) -> tuple[WeightBytes, ...]:
    """Bytes of weights on one rank of every pipeline stage, in stage order."""
    size = dtype_bytes(dtype)
    stages = []
    for stage, indices in enumerate(pipeline_ranges(facts.num_layers, shards.pp)):
        total = WeightBytes()
        for index in indices:
            for kind, amount in _layer_bytes(facts.layers[index], facts.hidden_size, quant, shards, size, index):
                total.add(kind, amount)
        first, last = stage == 0, stage == shards.pp - 1
        _add_ends(total, facts, quant, shards, size, first=first, last=last)
        if with_mtp and last:
            for layer in facts.mtp_layers:
                for kind, amount in _layer_bytes(layer, facts.hidden_size, quant, shards, size, facts.num_layers):
                    total.add(kind, amount)
        stages.append(total)
    return tuple(stages)


def _layer_bytes(
    layer: Layer, hidden: int, quant: QuantFacts | None, shards: Shards, size: int, index: int
) -> tuple[tuple[Kind, float], ...]:
    if quant is None or not _depends_on_index(quant):
        index = -1
    return _layer_bytes_cached(layer, hidden, quant, shards, size, index)


def _depends_on_index(quant: QuantFacts) -> bool:
    return any(
        "layers." in pattern for pattern in (*quant.ignore, *(name for rule in quant.rules for name in rule.targets))
    )


@lru_cache(maxsize=8192)
def _layer_bytes_cached(
    layer: Layer, hidden: int, quant: QuantFacts | None, shards: Shards, size: int, index: int
) -> tuple[tuple[Kind, float], ...]:
    total = WeightBytes()
    fused: dict[tuple[Kind, str], float] = {}
    for part in layer_parts(layer, hidden, shards):
        if isinstance(part, Vector):
            total.add(part.kind, part.elements * (part.bytes_each or size))
            continue
        scheme = None
        if quant is not None and part.quantizable:
            scheme = scheme_for(quant, part.names, index, experts=part.kind is Kind.EXPERTS)
        if scheme is not None and scheme.format is WeightFormat.MXFP4 and part.kind is Kind.EXPERTS:
            stored, side = matrix_bytes(_padded_expert(part, hidden, shards.capability), scheme, size)
        else:
            stored, side = matrix_bytes(part, scheme, size)
        total.add(part.kind, side)
        key = (part.kind, part.fused or part.names[0])
        fused[key] = fused.get(key, 0.0) + stored
    for (kind, _), stored in fused.items():
        total.add(kind, allocated_bytes(stored))
    return tuple(total.by_kind.items())


def _padded_expert(part: Matrix, hidden: int, capability: int) -> Matrix:
    """An MXFP4 expert matrix as the kernel of the device wants it padded.

    vllm/model_executor/layers/quantization/mxfp4.py 0.15.1: Marlin (below 9.0 and 12.x) pads the width to 128 and the
    hidden size to 256, TRT-LLM kernels (10.x) both to 256, Triton (9.0) swizzles the hidden size to 256.
    """
    wide = 256
    narrow = 64 if capability == 90 else 256 if 100 <= capability < 120 else 128
    if part.inputs == hidden:
        return replace(part, inputs=round_up(part.inputs, wide), outputs=2 * round_up(part.outputs // 2, narrow))
    return replace(part, inputs=round_up(part.inputs, narrow), outputs=round_up(part.outputs, wide))


def round_up(number: int, multiple: int) -> int:
    """Smallest multiple that is not below ``number``."""
    return cdiv(number, multiple) * multiple


def _add_ends(
    total: WeightBytes,
    facts: ModelFacts,
    quant: QuantFacts | None,
    shards: Shards,
    size: int,
    *,
    first: bool,
    last: bool,
) -> None:
    rows = padded_vocab(facts.vocab_size, shards.tp)
    width = facts.embedding_dim or facts.hidden_size
    tied = facts.tie_word_embeddings or not facts.generative
    if first or (last and facts.tie_word_embeddings):
        total.add(Kind.EMBEDDING, allocated_bytes(rows * width * size))
    if first:
        total.add(Kind.OTHER, facts.learned_positions * facts.hidden_size * size)
        total.add(Kind.EMBEDDING, facts.extra_vocab_params / max(1, shards.tp) * size)
        total.add(Kind.OTHER, facts.extra_params * size)
        for encoder in facts.encoders:
            total.add(Kind.OTHER, (encoder.sharded_params / shards.tp + encoder.replicated_params) * size)
    if last:
        total.add(Kind.OTHER, facts.embed_norms * facts.hidden_size * size)
        if not tied:
            head = Matrix(Kind.HEAD, ("lm_head",), rows, width, bias=facts.head_bias)
            scheme = scheme_for(quant, ("lm_head",), -1, experts=False) if quant is not None and quant.lm_head else None
            stored, side = matrix_bytes(head, scheme, size)
            total.add(Kind.HEAD, allocated_bytes(stored) + side)
    total.add(Kind.OTHER, facts.rope_rows * facts.rope_dim * size)
