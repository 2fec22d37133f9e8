"""DeepSeek V4.1: windows, states that few layers keep for all above them, and tables of n-grams.

Shapes follow ``vllm/models/deepseek_v41`` 0.30.0 to 0.33.0: attention.py, compressor.py, common/engram.py,
nvidia/model.py and nvidia/dspark.py.
"""

from __future__ import annotations

from msgspec.structs import replace

from llminfra.catalog.models.blocks.attention import layer_count, read_attention
from llminfra.catalog.models.blocks.feed_forward import read_moe
from llminfra.catalog.models.config_reader import ConfigReader, ModelConfigError
from llminfra.catalog.models.facts import Layer, Moe
from llminfra.catalog.models.families.softmax import share_equal
from llminfra.catalog.models.mixers import Indexer, NgramMemory, SharedCompression

DEEPSEEK41_TYPES = frozenset({"deepseek_v41", "deepseek_v41_text"})
_VALUE_BYTES = 1 + 1 / 32
"""Rows of the tables are fp8 with an 8-bit scale for every 32 values (``ParallelEngramEmbedding``)."""
_LARGEST_TABLE = 10**12


def deepseek41_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """A window in every layer, experts in all, states and what picks them in the layers that the config names."""
    count = layer_count(text)
    ratios = text.values.get("compress_ratios")
    if not isinstance(ratios, list) or len(ratios) < count or not set(ratios) <= {0, 1, 2}:
        raise ModelConfigError(
            f"config.json of {text.model_id}: compress_ratios is {ratios!r}, expected 0, 1 or 2 for each of"
            f" {count} layers"
        )
    keeps, picks = _listed(text, "kv_source_layer_ids"), _listed(text, "index_source_layer_ids")
    streams = text.integer("hc_mult")
    memory, at = _memory(text, streams), set(_listed(text, "engram_layer_ids", default=[]))
    layers = []
    for index in range(count):
        ratio = int(ratios[index])
        layers.append(
            _layer(
                text,
                read_moe(text),
                ratio=ratio,
                states=ratio if index in keeps else 0,
                picks=index in picks,
                memory=memory if index in at else None,
            )
        )
    return share_equal(layers)


def deepseek41_mtp(text: ConfigReader, count: int) -> tuple[Layer, ...]:
    """Layers that draft (DSpark): a window and fewer experts, a projection of what they read, and a Markov head."""
    hidden, rank = text.integer("hidden_size"), text.integer("dspark_markov_rank")
    moe = read_moe(text)
    if moe is not None:
        moe = replace(
            moe,
            experts=text.integer("dspark_n_routed_experts", default=moe.experts),
            top_k=text.integer("dspark_num_experts_per_tok", default=moe.top_k),
        )
    body = _layer(text, moe, ratio=0, states=0, picks=False, memory=None)
    read = len(_listed(text, "dspark_target_layer_ids"))
    once = read * hidden * hidden + 2 * hidden + 2 * text.integer("vocab_size") * rank
    first = replace(body, extra_params=once, extra_fp32=body.extra_fp32 + hidden + rank)
    return (first, *(body,) * (count - 1))


def engram_table(text: ConfigReader) -> tuple[int, float]:
    """Values of the tables of n-grams, and bytes of each."""
    rows = _listed(text, "engram_num_embeddings", default=[])
    if not rows:
        return 0, 0.0
    width = text.integer("engram_head_dim")
    if not 0 < sum(rows) * width <= _LARGEST_TABLE or len(rows) != len(_listed(text, "engram_layer_ids")):
        raise ModelConfigError(
            f"config.json of {text.model_id}: engram_num_embeddings is {rows!r}, expected a row count for each of"
            " engram_layer_ids"
        )
    return sum(rows) * width, _VALUE_BYTES


def _layer(
    text: ConfigReader, moe: Moe | None, *, ratio: int, states: int, picks: bool, memory: NgramMemory | None
) -> Layer:
    hidden, streams = text.integer("hidden_size"), text.integer("hc_mult")
    indexer = Indexer(
        heads=text.integer("index_n_heads"), head_dim=text.integer("index_head_dim"), top_k=text.integer("index_topk")
    )
    compression = SharedCompression(
        ratio=max(1, ratio),
        states=states,
        rope_dim=text.integer("qk_rope_head_dim"),
        q_lora_rank=text.integer("q_lora_rank"),
        o_groups=text.integer("o_groups"),
        o_lora_rank=text.integer("o_lora_rank"),
        streams=streams,
        indexer=indexer if picks else None,
    )
    width = (2 + streams) * streams
    return Layer(
        mixer=read_attention(text, window=text.integer("sliding_window"), sinks=True, compression=compression),
        second_mixer=memory,
        moe=moe,
        norms=2,
        # Mixing matrices before attention and before the experts, their bases and three scales.
        extra_fp32=2 * (width * streams * hidden + width + 3),
    )


def _memory(text: ConfigReader, streams: int) -> NgramMemory | None:
    if not _listed(text, "engram_layer_ids", default=[]):
        return None
    heads = (text.integer("engram_max_ngram_size") - 1) * text.integer("engram_n_heads")
    return NgramMemory(
        width=streams * text.integer("hidden_size"), embed=heads * text.integer("engram_head_dim"), norms=2, cut=True
    )


def _listed(text: ConfigReader, key: str, default: list[int] | None = None) -> list[int]:
    value = text.values.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, list) or any(isinstance(item, bool) or not isinstance(item, int) for item in value):
        raise ModelConfigError(f"config.json of {text.model_id}: {key} is {value!r}, expected a list of whole numbers")
    return value
