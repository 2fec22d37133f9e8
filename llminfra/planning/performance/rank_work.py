"""What one GPU computes and reads: operations and bytes of one token, from the shapes of the memory model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models import (
    Attention,
    EncoderFacts,
    Layer,
    Mla,
    ModelFacts,
    QuantFacts,
    WeightFormat,
    WeightScheme,
)
from llminfra.planning.memory.cache.kv_specs import CacheKind, mixer_cache
from llminfra.planning.memory.shapes import Kind, Matrix, Shards, cdiv, padded_vocab
from llminfra.planning.memory.weights.layer_parts import layer_parts
from llminfra.planning.memory.weights.module_names import scheme_for
from llminfra.planning.memory.weights.rank_weights import rank_weights

_OPERATIONS_PER_WEIGHT = 2  # one multiplication and one addition
_WIDE_BITS = 16
_JOINED = ("qkv_proj", "gate_up_proj", "in_proj_qkvz")


class MatrixWork(Struct, frozen=True, kw_only=True):
    """Matrix products that run at one speed.

    Attributes:
        dtype: Type the products are computed in, a key of ``Gpu.tflops``.
        widened: Weights are narrower and widened on the way.
        experts: Products of routed experts.
        operations: Operations per token on this rank.
        kind: Their kernels, a key of ``data/kernels.json``.
        kernels: Products that are launched; the experts of a layer are one.
        weight_bytes: Bytes of the weights, without their scales; only their proportions count.
    """

    dtype: str
    widened: bool
    experts: bool
    operations: float
    kind: str
    kernels: float
    weight_bytes: float


class AttentionWork(Struct, frozen=True, kw_only=True):
    """Equal attention layers of one rank.

    Attributes:
        layers: How many.
        prefill_operations: Operations per pair of query token and earlier token, in prefill.
        decode_operations: The same in decode; latent attention computes on the latent vectors there.
        cache_bytes: Bytes read per earlier token and layer.
        span: Tokens that are looked at, 0 for all.
        causal: Only earlier tokens are; else later ones, too.
        heard: Positions of an encoder that are looked at whatever the context is, 0 for none.
    """

    layers: int
    prefill_operations: float
    decode_operations: float
    cache_bytes: float
    span: int
    causal: bool = True
    heard: int = 0

    def seen(self, context: float) -> float:
        """Earlier tokens that one query looks at."""
        if self.heard:
            return float(self.heard)
        return min(context, self.span) if self.span else context

    def prefill_pairs(self, tokens: int) -> float:
        """Pairs of a prompt of ``tokens``: each token looks at itself and what came before, within the span."""
        if self.heard:
            return float(tokens * self.heard)
        span = min(tokens, self.span) if self.span else tokens
        if not self.causal:
            return float(tokens * span)
        return span * (span + 1) / 2 + (tokens - span) * span


class ExpertWeights(Struct, frozen=True, kw_only=True):
    """Routed experts of one rank: how many there are in all, how many a token uses, and their bytes on this rank."""

    experts: int
    top_k: int
    rank_bytes: float

    def touched_bytes(self, tokens: float) -> float:
        """Bytes read for ``tokens`` tokens whose experts are drawn evenly."""
        untouched = float((1 - self.top_k / self.experts) ** tokens)
        return self.rank_bytes * (1 - untouched)


class RankWork(Struct, frozen=True, kw_only=True):
    """Work of the fullest rank of one pipeline stage.

    Attributes:
        layers: Decoder layers of the stage.
        weight_bytes: Weights read in every step, routed experts left out.
        experts: Routed experts, by kind of layer.
        matrices: Matrix products per token.
        head_operations: Operations of the output head per sampled token.
        attention: Attention layers, by kind.
        state_bytes: Recurrent state read and written per request and step.
        moe_layers: Layers with routed experts.
        encoder_operations: Operations of an encoder for one request, whatever its text (Whisper).
    """

    layers: int
    weight_bytes: float
    experts: tuple[ExpertWeights, ...]
    matrices: tuple[MatrixWork, ...]
    head_operations: float
    attention: tuple[AttentionWork, ...]
    state_bytes: float
    moe_layers: int
    encoder_operations: float = 0.0


def rank_work(
    facts: ModelFacts, quant: QuantFacts | None, shards: Shards, gpu: Gpu, *, dtype: str, kv_bytes: float
) -> RankWork:
    """Work of one rank.

    Args:
        facts: The model.
        quant: Quantization in force.
        shards: How the model is spread.
        gpu: Decides which types are computed natively.
        dtype: Type of unquantized weights.
        kv_bytes: Bytes of one cached element.
    """
    stages = rank_weights(facts, quant, shards, dtype=dtype)
    by_kind = max(stages, key=lambda item: item.total).by_kind
    head_kind = Kind.EMBEDDING if facts.tie_word_embeddings else Kind.HEAD
    weight_bytes = sum(by_kind.get(kind, 0.0) for kind in (Kind.ATTENTION, Kind.MLP, head_kind))
    kinds = {layer: count / shards.pp for layer, count in Counter(facts.layers).items()}
    rows, width = padded_vocab(facts.vocab_size, shards.tp), facts.embedding_dim or facts.hidden_size
    return RankWork(
        layers=cdiv(facts.num_layers, shards.pp),
        weight_bytes=weight_bytes,
        experts=_experts(kinds, by_kind.get(Kind.EXPERTS, 0.0)),
        matrices=_matrices(kinds, facts, quant, shards, gpu),
        head_operations=float(_OPERATIONS_PER_WEIGHT * rows * width) if facts.generative else 0.0,
        attention=tuple(_attention(kinds, facts, shards.tp, kv_bytes)),
        state_bytes=_state_bytes(kinds, facts, shards.tp, kv_bytes),
        moe_layers=round(sum(count for layer, count in kinds.items() if layer.moe)),
        encoder_operations=sum(map(_hearing, facts.encoders)) / shards.tp if facts.hears else 0.0,
    )


def _hearing(encoder: EncoderFacts) -> float:
    """Operations of an encoder for a window of sound: its matrices, and every position against every other.

    A block has four matrices of the width squared and two of the feed-forward block; attention multiplies twice.
    """
    positions, hidden = encoder.max_tokens or 0, encoder.hidden
    blocks = encoder.sharded_params / (4 * hidden * hidden + 2 * hidden * encoder.intermediate)
    pairs = blocks * positions * positions * hidden * 2
    return float(_OPERATIONS_PER_WEIGHT * (encoder.sharded_params * positions + pairs))


def computed_in(scheme: WeightScheme | None, gpu: Gpu) -> tuple[str, bool]:
    """The type that products with such weights are computed in, and whether the weights are widened for it.

    W8A8 kernels exist for FP8 from 8.9 and for INT8 with one scale per channel; FP4 from 10.0; MXFP4 experts are
    multiplied with FP8 activations there. Everything else is widened to 16 bit (Marlin and Machete kernels).
    """
    wide = "bf16" if gpu.supports("bf16") else "fp16"
    if scheme is None:
        return wide, False
    match scheme.format:
        case WeightFormat.FP8 if gpu.supports("fp8"):
            return "fp8", False
        case WeightFormat.MXFP8 | WeightFormat.MXFP4 if gpu.supports("fp4"):
            return "fp8", False
        case WeightFormat.NVFP4 if gpu.supports("fp4"):
            return "fp4", False
        case WeightFormat.INT8 if scheme.group == 0 and gpu.supports("int8") and gpu.capability < 103:
            return "int8", False
        case _:
            return wide, True


def kernels_of(scheme: WeightScheme | None, dtype: str) -> str:
    """The kind of kernels for such weights, computed in ``dtype``: a key of ``data/kernels.json``."""
    if scheme is not None and scheme.format is WeightFormat.MXFP4:
        return "mxfp8_mxfp4" if dtype == "fp8" else "mxfp4"
    if dtype == "fp8" and scheme is not None and scheme.block is not None:
        return "8bit_block"
    return {"fp8": "8bit", "int8": "8bit", "fp4": "4bit"}.get(dtype, "wide")


def _experts(kinds: dict[Layer, float], total: float) -> tuple[ExpertWeights, ...]:
    """Expert bytes shared out over the kinds of expert layers by their number of parameters."""
    sizes = {
        layer: count * layer.moe.experts * layer.moe.intermediate * (3 if layer.moe.gated else 2)
        for layer, count in kinds.items()
        if layer.moe
    }
    whole = sum(sizes.values())
    merged: dict[tuple[int, int], float] = {}
    for layer, size in sizes.items():
        if layer.moe is not None:
            key = (layer.moe.experts, layer.moe.top_k)
            merged[key] = merged.get(key, 0.0) + total * size / whole
    return tuple(
        ExpertWeights(experts=experts, top_k=top_k, rank_bytes=amount) for (experts, top_k), amount in merged.items()
    )


def _matrices(
    kinds: dict[Layer, float], facts: ModelFacts, quant: QuantFacts | None, shards: Shards, gpu: Gpu
) -> tuple[MatrixWork, ...]:
    totals: dict[tuple[str, bool, bool, str], list[float]] = {}
    for layer, count in kinds.items():
        launched: set[tuple[str, str]] = set()
        for part in layer_parts(layer, facts.hidden_size, shards):
            if not isinstance(part, Matrix):
                continue
            routed = part.kind is Kind.EXPERTS
            scheme = None
            if quant is not None and part.quantizable:
                scheme = scheme_for(quant, part.names, -1, experts=routed)
            share = float(part.count)
            if routed and layer.moe is not None:
                # A token uses top_k of all experts; a rank sees its share of them.
                share = layer.moe.top_k * part.count / layer.moe.experts
            dtype, widened = computed_in(scheme, gpu)
            key = (dtype, widened, routed, kernels_of(scheme, dtype))
            size = part.outputs * part.inputs * count
            found = totals.setdefault(key, [0.0, 0.0, 0.0])
            found[0] += _OPERATIONS_PER_WEIGHT * size * share
            found[1] += 0 if (name := (key[3], _launched_as(part))) in launched else count
            found[2] += size * part.count * (scheme.bits if scheme else _WIDE_BITS) / 8
            launched.add(name)
    return tuple(
        MatrixWork(
            dtype=dtype,
            widened=widened,
            experts=routed,
            kind=kind,
            operations=operations,
            kernels=kernels,
            weight_bytes=amount,
        )
        for (dtype, widened, routed, kind), (operations, kernels, amount) in totals.items()
    )


def _launched_as(part: Matrix) -> str:
    """One product or several: engines join queries, keys and values, gate and up, and all experts of a layer."""
    if part.kind is Kind.EXPERTS:
        return "experts"
    return next((name for name in part.names if name.endswith(_JOINED)), part.names[0])


def _attention(kinds: dict[Layer, float], facts: ModelFacts, tp: int, kv_bytes: float) -> Iterator[AttentionWork]:
    for layer, count in kinds.items():
        for mixer in (layer.mixer, layer.second_mixer):
            if isinstance(mixer, Attention) and (facts.hears or not mixer.cross):
                heads = cdiv(mixer.heads, tp)
                work = float(_OPERATIONS_PER_WEIGHT * heads * (mixer.head_dim + mixer.v_head_dim))
                # A layer that shares a cache still reads the one it shares.
                kv_heads = max(1, cdiv(mixer.kv_heads, tp))
                read = kv_heads * (mixer.head_dim + mixer.v_head_dim) * kv_bytes
                yield AttentionWork(
                    layers=round(count) or 1,
                    prefill_operations=work,
                    decode_operations=work,
                    cache_bytes=float(read),
                    span=mixer.window or mixer.chunk or (mixer.indexer.top_k if mixer.indexer else 0),
                    causal=mixer.causal,
                    heard=_positions(facts) if mixer.cross else 0,
                )
            elif isinstance(mixer, Mla):
                yield from _latent(mixer, facts, round(count) or 1, tp, kv_bytes)


def _positions(facts: ModelFacts) -> int:
    return max((item.max_tokens or 0 for item in facts.encoders), default=0)


def _latent(mixer: Mla, facts: ModelFacts, layers: int, tp: int, kv_bytes: float) -> Iterator[AttentionWork]:
    heads = cdiv(mixer.heads, tp)
    specs = mixer_cache(mixer, facts, tp=tp, kv_bytes=kv_bytes, state_bytes=2)
    wide = mixer.qk_nope_head_dim + mixer.qk_rope_head_dim + mixer.v_head_dim
    yield AttentionWork(
        layers=layers,
        prefill_operations=float(_OPERATIONS_PER_WEIGHT * heads * wide),
        decode_operations=float(_OPERATIONS_PER_WEIGHT * heads * (mixer.latent_dim + mixer.kv_lora_rank)),
        cache_bytes=float(specs[0].token_bytes),
        span=mixer.indexer.top_k if mixer.indexer else 0,
    )
    if mixer.indexer is not None and not mixer.indexer.borrowed:
        work = float(_OPERATIONS_PER_WEIGHT * mixer.indexer.heads * mixer.indexer.head_dim)
        yield AttentionWork(
            layers=layers,
            prefill_operations=work,
            decode_operations=work,
            cache_bytes=float(specs[1].token_bytes),
            span=0,
        )


def _state_bytes(kinds: dict[Layer, float], facts: ModelFacts, tp: int, kv_bytes: float) -> float:
    total = 0.0
    for layer, count in kinds.items():
        for mixer in (layer.mixer, layer.second_mixer):
            if mixer is None:
                continue
            for spec in mixer_cache(mixer, facts, tp=tp, kv_bytes=kv_bytes, state_bytes=2):
                if spec.kind is CacheKind.STATE:
                    total += 2 * spec.token_bytes * count  # read and written back
    return total
