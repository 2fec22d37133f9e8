"""Bytes of weights on one rank, from the shapes that the engine allocates."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct, field

from llminfra.catalog.models.facts import Layer, ModelFacts
from llminfra.catalog.models.mixers import Mla
from llminfra.catalog.models.quantization import QuantFacts, WeightFormat, WeightScheme
from llminfra.planning.memory.shapes import Kind, Matrix, Shards, Vector, padded_vocab, pipeline_ranges
from llminfra.planning.memory.weights.absorbed import latent_bytes
from llminfra.planning.memory.weights.layer_parts import layer_parts
from llminfra.planning.memory.weights.module_names import for_draft, scheme_for
from llminfra.planning.memory.weights.stored_bytes import (
    HOPPER,
    aligned_expert,
    allocated_bytes,
    dtype_bytes,
    matrix_bytes,
    padded_expert,
    triton_expert,
)

FP32 = 4
_EXPANDED = WeightScheme(format=WeightFormat.FP8, bits=8, block=(128, 128))


class WeightBytes(Struct):
    """Bytes by part of the model on one rank."""

    by_kind: dict[Kind, float] = field(default_factory=dict)

    def add(self, kind: Kind, amount: float) -> None:
        """Add ``amount`` bytes to ``kind``."""
        self.by_kind[kind] = self.by_kind.get(kind, 0.0) + amount

    @property
    def total(self) -> float:
        """All bytes."""
        return sum(self.by_kind.values())


def rank_weights(
    facts: ModelFacts,
    quant: QuantFacts | None,
    shards: Shards,
    *,
    dtype: str,
    with_mtp: bool = False,
    rope_per_layer: bool = False,
) -> tuple[WeightBytes, ...]:
    """Bytes of weights on one rank of every pipeline stage, in stage order.

    ``rope_per_layer``: the engine keeps a rotary table in every layer instead of one for all.
    """
    size = dtype_bytes(dtype)
    stages = []
    for stage, indices in enumerate(pipeline_ranges(facts.num_layers, shards.pp, shards.rest)):
        total = WeightBytes()
        for index in indices:
            for kind, amount in _layer_bytes(facts.layers[index], facts.hidden_size, quant, shards, size, index):
                total.add(kind, amount)
        first, last = stage == 0, stage == shards.pp - 1
        tables = len(indices) if rope_per_layer else 1
        total.add(Kind.OTHER, tables * _rope_values(facts, shards) * (shards.rope_bytes or size))
        _add_ends(total, facts, quant, shards, size, first=first, last=last)
        if with_mtp and last:
            drafting = None if quant is None else for_draft(quant, facts.num_layers)
            for layer in facts.mtp_layers:
                for kind, amount in _layer_bytes(layer, facts.hidden_size, drafting, shards, size, facts.num_layers):
                    total.add(kind, amount)
        stages.append(total)
    return tuple(stages)


def ngram_bytes(facts: ModelFacts, shards: Shards, size: float) -> float:
    """Bytes of the tables of n-grams on one rank, which holds a range of their rows."""
    return facts.lookup_params * (facts.lookup_bytes or size) / shards.tp


def _rope_values(facts: ModelFacts, shards: Shards) -> int:
    return sum((min(rows, shards.rope_rows) if shards.rope_rows else rows) * width for rows, width in facts.rope_tables)


def _layer_bytes(
    layer: Layer, hidden: int, quant: QuantFacts | None, shards: Shards, size: int, index: int
) -> tuple[tuple[Kind, float], ...]:
    if quant is None or not _depends_on_index(quant):
        index = -1
    return _layer_bytes_cached(layer, hidden, quant, shards, size, index)


def _depends_on_index(quant: QuantFacts) -> bool:
    patterns = (*quant.ignore, *(name for rule in quant.rules for name in rule.targets))
    # In a regular expression the dot has a backslash.
    return any("layers." in pattern or r"layers\." in pattern for pattern in patterns)


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
        fp4 = scheme is not None and scheme.format is WeightFormat.MXFP4 and part.kind is Kind.EXPERTS
        if scheme is not None and fp4 and shards.fp4_experts != "fp8":
            padded = padded_expert(part, shards.capability, triton=shards.triton_mxfp4)
            by_triton = shards.triton_mxfp4 and shards.capability == HOPPER
            stored, side = triton_expert(padded, shards) if by_triton else matrix_bytes(padded, scheme, size, shards)
            if shards.fp4_experts == "scales":
                side += FP32 * part.count * part.outputs * part.inputs / scheme.group
        else:
            scheme = _EXPANDED if fp4 else scheme
            aligned = aligned_expert(part, scheme, shards)
            stored, side = matrix_bytes(aligned, scheme, size, shards)
            if shards.twice_experts and scheme is not None and part.kind is Kind.EXPERTS:
                stored *= 2
        total.add(part.kind, side)
        key = (part.kind, part.fused or part.names[0])
        fused[key] = fused.get(key, 0.0) + stored
    for mixer in (layer.mixer, layer.second_mixer):
        if isinstance(mixer, Mla):
            total.add(Kind.ATTENTION, latent_bytes(mixer, hidden, quant, shards, size, index))
    for (kind, _), stored in fused.items():
        total.add(kind, allocated_bytes(stored, shards))
    return tuple(total.by_kind.items())


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
    tied = (facts.tie_word_embeddings and not shards.tied_twice) or not facts.generative
    embedded = padded_vocab(facts.vocab_size, 1) if shards.whole_embedding else rows
    if first or (last and tied and facts.tie_word_embeddings):
        total.add(Kind.EMBEDDING, allocated_bytes(embedded * width * size, shards))
    if first:
        total.add(Kind.OTHER, facts.learned_positions * facts.hidden_size * size)
        total.add(
            Kind.EMBEDDING, facts.extra_vocab_params / (1 if shards.whole_embedding else max(1, shards.tp)) * size
        )
        total.add(Kind.OTHER, facts.extra_params * size)
        if shards.holds_ngrams:
            total.add(Kind.EMBEDDING, ngram_bytes(facts, shards, size))
        for encoder in facts.encoders:
            cut = encoder.kind in shards.cut_towers
            share = (encoder.sharded_params + (encoder.replicated_params if cut else 0)) / shards.tp
            held = 0 if cut else encoder.replicated_params
            if encoder.heads % shards.tp:
                # Attention is not cut then: InternVisionEncoderLayer._init_attn, intern_vit.py 0.6.6 to 0.27.1.
                share -= encoder.attention_params / shards.tp
                held += encoder.attention_params
            total.add(Kind.OTHER, held * size + _encoder_bytes(share, quant, size, shards))
    if last:
        total.add(Kind.OTHER, facts.embed_norms * facts.hidden_size * size + facts.head_fp32 * 4)
        if not tied:
            head = Matrix(Kind.HEAD, ("lm_head",), rows, width, bias=facts.head_bias)
            scheme = scheme_for(quant, ("lm_head",), -1, experts=False) if quant is not None and quant.lm_head else None
            stored, side = matrix_bytes(head, scheme, size, shards)
            total.add(Kind.HEAD, allocated_bytes(stored, shards) + side)


def _encoder_bytes(elements: float, quant: QuantFacts | None, size: int, shards: Shards) -> float:
    """Matrices of an encoder: 16 bit, but for bitsandbytes, which takes every linear layer that it is not told to skip.

    vllm/model_executor/layers/quantization/bitsandbytes.py get_quant_method (is_layer_skipped_bnb); checkpoints of the
    other formats leave the encoder alone.
    """
    if quant is None or quant.method != "bitsandbytes" or any("vis" in name for name in quant.ignore):
        return elements * size
    scheme = quant.rules[0].scheme
    stored, side = matrix_bytes(Matrix(Kind.OTHER, ("visual",), 1, round(elements)), scheme, size, shards)
    return stored + (side if scheme.format is WeightFormat.BNB_NF4 else 0.0)
