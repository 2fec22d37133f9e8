"""Qwen4 (Qwen3.8-Flash-Next): gated delta networks, sparse attention, hyper-connections and a table of n-grams.

Shapes follow ``vllm/models/qwen4_exp`` 0.29.0 to 0.33.0: nvidia/model.py, nvidia/qsa.py, nvidia/indexer_qsa.py,
nvidia/hyperconnection.py, nvidia/ple_layer.py, nvidia/ngram_embedding.py and nvidia/mtp.py.
"""

from __future__ import annotations

from msgspec.structs import replace

from llminfra.catalog.models.blocks.attention import layer_count, read_attention, read_heads
from llminfra.catalog.models.blocks.feed_forward import read_moe
from llminfra.catalog.models.config_reader import ConfigReader, ModelConfigError
from llminfra.catalog.models.facts import Layer
from llminfra.catalog.models.families.softmax import share_equal
from llminfra.catalog.models.mixers import Attention, GatedDeltaNet, Indexer, NgramMemory

QWEN4_TYPES = frozenset({"qwen4_exp", "qwen4_exp_text"})
_SPARSE = frozenset({"full_attention", "qwen_sparse_attention", "indexed_attention"})
_LARGEST_TABLE = 10**10
# Bytes of a value, 0 for those of the dtype; an NVFP4 row has a scale for every 16 values (ngram_embedding.py 0.33.0).
_STORED = {"bfloat16": 0.0, "float8_e4m3fn": 1.0, "nvfp4": 0.5 + 1 / 16}


def qwen4_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Experts in every layer; delta networks with sparse attention in between, as ``layer_types`` says.

    Raises:
        ModelConfigError: A layer is of another kind.
    """
    count = layer_count(text)
    types = text.values.get("layer_types")
    names = [str(item) for item in types[:count]] if isinstance(types, list) else []
    if len(names) < count or any(name not in _SPARSE and name != "linear_attention" for name in names):
        raise ModelConfigError(
            f"config.json of {text.model_id}: layer_types is {types!r}, expected linear_attention or full_attention"
            f" for each of {count} layers"
        )
    linear = GatedDeltaNet(
        key_heads=text.integer("linear_num_key_heads"),
        value_heads=text.integer("linear_num_value_heads"),
        key_dim=text.integer("linear_key_head_dim"),
        value_dim=text.integer("linear_value_head_dim"),
        conv_kernel=text.integer("linear_conv_kernel_dim"),
    )
    sparse = qwen4_attention(text)
    moe, streams = read_moe(text), text.integer("hc_count")
    memory = ngram_memory(text)
    at = set(text.get("ple_layer_ids") or [])
    layers = [
        Layer(
            mixer=linear if name == "linear_attention" else sparse,
            second_mixer=memory if index + 1 in at else None,
            moe=moe,
            norms=0,
            extra_params=2 * gated_residual(text, injects=True),
            streams=streams,
        )
        for index, name in enumerate(names)
    ]
    return share_equal(layers)


def qwen4_attention(text: ConfigReader) -> Attention:
    """Grouped-query attention with an output gate, and what picks its keys where the config has it."""
    heads, _, head_dim = read_heads(text)
    indexer = None
    if text.has("indexer_n_heads"):
        if (kept := text.integer("indexer_kv_heads", default=1)) != 1:
            raise ModelConfigError(f"config.json of {text.model_id}: indexer_kv_heads is {kept}, expected 1")
        indexer = Indexer(
            heads=text.integer("indexer_n_heads"),
            head_dim=text.integer("indexer_head_dim"),
            top_k=text.integer("indexer_budget"),
            pool=text.integer("indexer_compress_ratio"),
        )
    return read_attention(text, gate_dim=heads * head_dim, indexer=indexer)


def gated_residual(text: ConfigReader, *, injects: bool) -> int:
    """Parameters of one ``GatedResidual``: a norm over all streams, two matrices of low rank, and the injection."""
    streams, rank = text.integer("hc_count"), text.integer("hc_lowrank")
    wide = streams * text.integer("hidden_size")
    return wide + 2 * rank * wide + (streams * wide if injects else 0)


def ngram_memory(text: ConfigReader) -> NgramMemory | None:
    """What one layer does with the values that the table gives."""
    if not text.get("ple_layer_ids"):
        return None
    return NgramMemory(
        width=text.integer("hc_count") * text.integer("hidden_size"),
        embed=text.integer("ple_embed_dim"),
        conv_kernel=text.integer("ple_conv_kernel_size"),
        dilation=text.integer("ngram_size"),
    )


def qwen4_mtp(text: ConfigReader, count: int) -> tuple[Layer, ...]:
    """Layers that draft: sparse attention and experts, behind two projections and before a mixer of their own."""
    hidden, streams = text.integer("hidden_size"), text.integer("hc_count")
    once = 2 * hidden * hidden + hidden + streams * hidden + gated_residual(text, injects=False)
    body = Layer(
        mixer=qwen4_attention(text),
        moe=read_moe(text),
        norms=0,
        extra_params=2 * gated_residual(text, injects=True),
        streams=streams,
    )
    return (replace(body, extra_params=body.extra_params + once), *(body,) * (count - 1))


def lookup_table(text: ConfigReader) -> tuple[int, float]:
    """Values of the tables of n-grams, and bytes of each where it is not the dtype's.

    Raises:
        ModelConfigError: The dtype is one that nobody reads.
    """
    layers = text.get("ple_layer_ids") or []
    if text.model_type not in QWEN4_TYPES or not layers:
        return 0, 0
    heads = (text.integer("ngram_size") - 1) * text.integer("heads_per_ngram")
    base, unit = text.integer("ngram_vocab_size_base"), text.integer("make_ngram_vocab_size_divisible_by")
    if not 0 < base * heads * len(layers) <= _LARGEST_TABLE or unit < 1 or heads < 1:
        raise ModelConfigError(f"config.json of {text.model_id}: ngram_vocab_size_base is {base}, expected a row count")
    # The size of a head is the next prime from the base on that no head before has: 5 rows in a million more.
    rows = -(-heads * base // unit) * unit
    stored = text.get("ple_embedding_dtype") or "bfloat16"
    if stored not in _STORED:
        raise ModelConfigError(
            f"config.json of {text.model_id}: ple_embedding_dtype is {stored!r}, expected one of {', '.join(_STORED)}"
        )
    width = text.integer("ple_embed_dim") // heads
    return len(set(layers)) * rows * width, _STORED[stored]
