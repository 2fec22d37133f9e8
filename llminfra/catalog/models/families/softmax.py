"""Decoder layers of the families whose every layer has softmax attention."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from llminfra.catalog.models.blocks.attention import (
    KV_HEAD_KEYS,
    layer_count,
    per_layer,
    read_attention,
    read_heads,
    read_mla,
    read_norms,
    read_windows,
)
from llminfra.catalog.models.blocks.feed_forward import is_moe_layer, read_intermediate, read_mlp, read_moe
from llminfra.catalog.models.config_reader import ConfigReader, ModelConfigError
from llminfra.catalog.models.facts import DenseMlp, Layer, Moe
from llminfra.catalog.models.mixers import Attention, Compression, Indexer, Mla, QkNorm


def transformer_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Softmax attention in every layer: Llama, Mistral, Qwen, Gemma, GPT, DeepSeek and their kin."""
    count = layer_count(text)
    moe = read_moe(text)
    norms = read_norms(text)
    mla = read_mla(text) if text.has("kv_lora_rank") and text.flag("use_mla", default=True) else None
    windows = read_windows(text, count)
    picked, borrowing = _sparse_layers(text, count), _borrowing_layers(text, count)
    kv_heads, widths = per_layer(text, count, KV_HEAD_KEYS), per_layer(text, count, ("intermediate_size",))
    layers = []
    for index in range(count):
        own = {} if kv_heads is None else {"kv_heads": kv_heads[index]}
        found = picked[index] if picked else None
        mixer: Attention | Mla = mla or read_attention(text, window=windows[index], indexer=found, **own)
        if isinstance(mixer, Mla) and mixer.indexer is not None and index in borrowing:
            mixer = replace(mixer, indexer=replace(mixer.indexer, borrowed=True))
        experts = moe if moe is not None and is_moe_layer(text, index) else None
        mlp = None if experts else read_mlp(text, widths[index] if widths else None)
        layers.append(Layer(mixer=mixer, moe=experts, mlp=mlp, norms=norms))
    return share_equal(layers)


def _borrowing_layers(text: ConfigReader, count: int) -> set[int]:
    """Layers that take over what the indexer of a layer below picked (GLM-5.2).

    A pattern says which (``S``), else every ``index_topk_freq``-th layer has one of its own
    (``DeepseekV2MLAAttention`` of vllm/model_executor/models/deepseek_v2.py 0.24.0, ``dsa_layer_skips_topk`` of
    sglang/srt/configs/model_config.py 0.5.18). The list of ``indexer_types`` says the same in words.
    """
    if pattern := text.get("index_topk_pattern"):
        return {index for index, letter in enumerate(str(pattern)[:count]) if letter == "S"}
    step = text.integer("index_topk_freq", default=1)
    if step <= 1:
        return set()
    types = text.get("indexer_types")
    if isinstance(types, list) and len(types) >= count:
        return {index for index in range(count) if types[index] == "shared"}
    first = text.integer("index_skip_topk_offset", default=2) - 1
    return {index for index in range(count) if max(index - first, 0) % step}


def _sparse_layers(text: ConfigReader, count: int) -> list[Indexer | None]:
    """What picks the blocks of keys that a layer sees, by layer (MiniMax M3); empty where nothing does.

    One key of 16 bit for each token on every rank, and query heads that are cut as keys are
    (``MiniMaxM3IndexerCache`` and ``MiniMaxM3SparseAttention`` of vllm/models/minimax_m3 0.24.0).
    """
    sparse = text.values.get("sparse_attention_config")
    if not isinstance(sparse, dict) or not sparse.get("use_sparse_attention"):
        return []
    indexer = Indexer(
        heads=int(sparse["sparse_num_index_heads"]),
        head_dim=int(sparse["sparse_index_dim"]),
        top_k=int(sparse["sparse_topk_blocks"]) * int(sparse["sparse_block_size"]),
        cut=True,
    )
    layers = sparse.get("sparse_attention_freq") or [1] * count
    return [indexer if index < len(layers) and layers[index] else None for index in range(count)]


def share_equal(layers: list[Layer]) -> tuple[Layer, ...]:
    """Equal layers become one object, so that per-layer work is done once."""
    seen: dict[Layer, Layer] = {}
    return tuple(seen.setdefault(layer, layer) for layer in layers)


def deepseek_v4_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """A window in every layer, states of 4 or 128 tokens beside it in most, experts in all."""
    count = layer_count(text)
    ratios = text.values.get("compress_ratios") or [0] * count
    window = text.integer("sliding_window", default=128)
    moe = read_moe(text)
    hidden, streams = text.integer("hidden_size"), text.integer("hc_mult", default=4)
    indexer = Indexer(
        heads=text.integer("index_n_heads", default=64),
        head_dim=text.integer("index_head_dim", default=128),
        top_k=text.integer("index_topk", default=512),
    )
    # Mixing matrices of the hyper-connections, before attention and before the experts, in fp32.
    mixing = 2 * 2 * (2 + streams) * streams * streams * hidden
    layers = []
    for index in range(count):
        ratio = max(1, int(ratios[index])) if index < len(ratios) else 1
        compression = Compression(
            ratio=ratio,
            rope_dim=text.integer("qk_rope_head_dim", default=64),
            q_lora_rank=text.integer("q_lora_rank"),
            o_groups=text.integer("o_groups"),
            o_lora_rank=text.integer("o_lora_rank"),
            streams=streams,
            indexer=indexer if ratio == 4 else None,
        )
        mixer = read_attention(text, window=window, sinks=True, compression=compression)
        layers.append(Layer(mixer=mixer, moe=moe, norms=2, extra_params=mixing))
    return share_equal(layers)


def gpt_oss_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Experts in every layer, sinks, windows in every other."""
    count = layer_count(text)
    moe = read_moe(text)
    windows = read_windows(text, count)
    return share_equal(
        [Layer(mixer=read_attention(text, window=windows[i], sinks=True, qkv_bias=True), moe=moe) for i in range(count)]
    )


def llama4_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Chunked local attention with full attention in between, experts at an interval."""
    count = layer_count(text)
    width = text.integer("intermediate_size")
    moe = Moe(
        experts=text.integer("num_local_experts"),
        top_k=text.integer("num_experts_per_tok", default=1),
        intermediate=width,
        shared_intermediate=width,
    )
    dense = read_mlp(text, text.integer("intermediate_size_mlp", default=width))
    chunk = text.integer("attention_chunk_size", default=0) or None
    rope_flags = text.values.get("no_rope_layers") or []
    interval = text.integer("no_rope_layer_interval", default=4)
    listed = text.values.get("moe_layers")
    step = text.integer("interleave_moe_layer_step", default=1)
    layers = []
    for index in range(count):
        # no_rope_layers[i] == 1 means rope is used, and rope layers attend within chunks.
        local = bool(rope_flags[index]) if index < len(rope_flags) else (index + 1) % interval != 0
        sparse = index in listed if isinstance(listed, list) else step > 0 and (index + 1) % step == 0
        mixer = read_attention(text, chunk=chunk if local else None, window=None)
        layers.append(Layer(mixer=mixer, moe=moe if sparse else None, mlp=None if sparse else dense))
    return share_equal(layers)


def gemma4_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Window and full layers with their own head sizes, and caches shared by the last ones."""
    count = layer_count(text)
    windows = read_windows(text, count)
    global_dim = text.integer("global_head_dim", default=0) or None
    global_kv = text.integer("num_global_key_value_heads", default=0) or None
    key_is_value = text.flag("attention_k_eq_v")
    shared = text.integer("num_kv_shared_layers", default=0)
    per_layer = text.integer("hidden_size_per_layer_input", default=0)
    hidden = text.integer("hidden_size")
    moe = read_moe(text) if text.flag("enable_moe_block") else None
    layers = []
    for index in range(count):
        changes: dict[str, Any] = {"shares_cache": index >= count - shared}
        if windows[index] is None:
            if global_dim:
                changes |= {"head_dim": global_dim, "v_head_dim": global_dim}
            if key_is_value:
                changes |= {"key_is_value": True, "kv_heads": global_kv or text.integer("num_key_value_heads")}
        width = read_intermediate(text)
        if text.flag("use_double_wide_mlp") and index >= count - shared:
            width *= 2
        layers.append(
            Layer(
                mixer=read_attention(text, window=windows[index], **changes),
                mlp=read_mlp(text, width),
                moe=moe,
                norms=7 if moe else 4,
                extra_params=(2 * hidden * per_layer + hidden if per_layer else 0) + (hidden if moe else 0),
            )
        )
    return share_equal(layers)


def gemma3n_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Window and full layers; the last ones read the cache of earlier ones."""
    count = layer_count(text)
    windows = read_windows(text, count)
    shared = text.integer("num_kv_shared_layers", default=0)
    hidden = text.integer("hidden_size")
    per_layer = text.integer("hidden_size_per_layer_input", default=0)
    streams = text.integer("altup_num_inputs", default=4)
    laurel = text.integer("laurel_rank", default=64)
    extra = 2 * hidden * laurel + 2 * hidden * per_layer + streams * (hidden + 3 * streams)
    return share_equal(
        [
            Layer(
                mixer=read_attention(text, window=windows[i], shares_cache=i >= count - shared),
                mlp=read_mlp(text),
                norms=7,
                extra_params=extra,
            )
            for i in range(count)
        ]
    )


def laguna_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Window and full layers with their own query heads, and an output gate for each head."""
    count = layer_count(text)
    windows = read_windows(text, count)
    listed = text.values.get("num_attention_heads_per_layer")
    heads, _, head_dim = read_heads(text)
    gating = text.get("gating")
    moe = read_moe(text)
    layers = []
    for index in range(count):
        own = int(listed[index]) if isinstance(listed, list) and index < len(listed) else heads
        # True is a gate for each head: LagunaAttention, vllm/model_executor/models/laguna.py 0.33.0.
        gate = 0 if not gating else own if gating in {True, "per-head"} else own * head_dim
        sparse = moe is not None and is_moe_layer(text, index)
        layers.append(
            Layer(
                mixer=read_attention(text, window=windows[index], heads=own, gate_dim=gate),
                moe=moe if sparse else None,
                mlp=None if sparse else read_mlp(text),
            )
        )
    return share_equal(layers)


def afmoe_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Window and full layers with an output gate, experts behind the first ones (Trinity; afmoe.py 0.33.0)."""
    count = layer_count(text)
    windows = read_windows(text, count)
    heads, _, head_dim = read_heads(text)
    dense, moe = text.integer("num_dense_layers"), read_moe(text)
    layers = []
    for index in range(count):
        routed = moe is not None and index >= dense
        layers.append(
            Layer(
                mixer=read_attention(text, window=windows[index], gate_dim=heads * head_dim),
                moe=moe if routed else None,
                mlp=None if routed else read_mlp(text),
                norms=4,
            )
        )
    return share_equal(layers)


def mllama_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Cross-attention to the image at fixed layers."""
    count = layer_count(text)
    cross_at = set(text.get("cross_attention_layers") or [3, 8, 13, 18, 23, 28, 33, 38])
    self_layer = Layer(mixer=read_attention(text), mlp=read_mlp(text))
    cross = Layer(
        mixer=read_attention(text, cross=True, qk_norm=QkNorm.PER_HEAD), mlp=read_mlp(text), norms=2, extra_params=2
    )
    return tuple(cross if index in cross_at else self_layer for index in range(count))


def nemotron_nas_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Puzzle models: each block has its own head grouping and feed-forward width, or none.

    Raises:
        ModelConfigError: There are no blocks.
    """
    hidden = text.integer("hidden_size")
    heads = text.integer("num_attention_heads")
    blocks = text.values.get("block_configs")
    if not isinstance(blocks, list) or not blocks:
        raise ModelConfigError(
            f"config.json of {text.model_id}: block_configs is {blocks!r}, expected an object for each layer"
        )
    layers = []
    for block in blocks:
        attention, ffn = block.get("attention") or {}, block.get("ffn") or {}
        mixer = None
        if not attention.get("no_op") and not attention.get("replace_with_linear"):
            group = int(attention.get("n_heads_in_group") or 1)
            mixer = read_attention(text, kv_heads=heads // group)
        mlp = None
        if not ffn.get("no_op") and not ffn.get("replace_with_linear"):
            width = ffn.get("intermediate_size")
            if not width:
                scaled = int(2 * float(ffn.get("ffn_mult") or 4) * hidden / 3)
                width = scaled if scaled % 256 == 0 else scaled + 256 - scaled % 256
            mlp = DenseMlp(intermediate=int(width))
        replaced = int(bool(attention.get("replace_with_linear"))) + int(bool(ffn.get("replace_with_linear")))
        norms = int(mixer is not None) + int(mlp is not None)
        layers.append(Layer(mixer=mixer, mlp=mlp, norms=norms, extra_params=replaced * hidden * hidden))
    return share_equal(layers)


def openelm_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """OpenELM: heads, key-value heads and feed-forward widths of each layer (apple/OpenELM, modeling_openelm.py)."""
    count, hidden = layer_count(text), text.integer("model_dim")
    heads, kv_heads = per_layer(text, count, ("num_query_heads",)), per_layer(text, count, ("num_kv_heads",))
    factors = text.values.get("ffn_multipliers")
    if heads is None or kv_heads is None or not isinstance(factors, list) or len(factors) != count:
        raise ModelConfigError(
            f"config.json of {text.model_id}: num_query_heads, num_kv_heads and ffn_multipliers are each a list of"
            f" {count}, one for each layer"
        )
    head_dim, unit = text.integer("head_dim"), text.integer("ffn_dim_divisor", default=256)
    norm = QkNorm.PER_HEAD if text.flag("normalize_qk_projections") else QkNorm.NONE
    gated = text.flag("ffn_with_glu", default=True)
    layers = []
    for index in range(count):
        mixer = Attention(
            heads=heads[index], kv_heads=kv_heads[index], head_dim=head_dim, v_head_dim=head_dim, qk_norm=norm
        )
        width = _divisible(float(factors[index]) * hidden, unit)
        layers.append(Layer(mixer=mixer, mlp=DenseMlp(intermediate=width, gated=gated)))
    return share_equal(layers)


def _divisible(value: float, unit: int) -> int:
    """``make_divisible`` of modeling_openelm.py: the nearest multiple that is not below nine tenths."""
    near = max(unit, int(value + unit / 2) // unit * unit)
    return near + unit if near < 0.9 * value else near


def dbrx_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Experts in every layer, with nested config objects."""
    ffn = text.values.get("ffn_config") or {}
    attention = text.values.get("attn_config") or {}
    moe = Moe(
        experts=int(ffn.get("moe_num_experts") or 16),
        top_k=int(ffn.get("moe_top_k") or 4),
        intermediate=int(ffn.get("ffn_hidden_size") or 10752),
    )
    kv_heads = int(attention.get("kv_n_heads") or 8)
    return (Layer(mixer=read_attention(text, kv_heads=kv_heads), moe=moe),) * layer_count(text)
