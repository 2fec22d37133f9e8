"""Encoders, in which every token sees every other: BERT, RoBERTa, ModernBERT, Nomic BERT and GTE.

Shapes are those that vLLM allocates: bert.py, roberta.py, modernbert.py and bert_with_rope.py of
vllm/model_executor/models 0.27.1. Embedders leave BERT's pooler out; classifiers have a head of their own, in 32 bit
(``head_dtype``, vllm/config/model.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llminfra.catalog.models.blocks.attention import layer_count, read_attention
from llminfra.catalog.models.config_reader import ConfigReader
from llminfra.catalog.models.facts import DenseMlp, Layer
from llminfra.catalog.models.families.softmax import share_equal
from llminfra.catalog.models.tasks import labels_of

_OFFSET_TYPES = frozenset({"roberta", "xlm-roberta", "camembert"})
"""The first positions are those of padding: 514 rows serve 512 tokens (``create_position_ids_from_input_ids``)."""
BERT_TYPES = frozenset({"bert"}) | _OFFSET_TYPES
ROPE_TYPES = frozenset({"modernbert", "nomic_bert", "new", "gte"})
ENCODER_TYPES = BERT_TYPES | ROPE_TYPES


def bert_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Biases everywhere, norms behind both blocks, two matrices in the feed-forward block."""
    mixer = read_attention(text, causal=False, qkv_bias=True, out_bias=True)
    mlp = DenseMlp(intermediate=text.integer("intermediate_size"), gated=False, bias=True)
    return (Layer(mixer=mixer, mlp=mlp, norms=4),) * layer_count(text)


def modernbert_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """A window in two layers of three, gated, without biases; the first layer's input is normed already."""
    every = text.integer("global_attn_every_n_layers", default=3)
    window = text.integer("local_attention", default=128)
    bias = text.flag("attention_bias")
    mlp = DenseMlp(intermediate=text.integer("intermediate_size"), gated=True, bias=text.flag("mlp_bias"))
    each = 2 if text.flag("norm_bias") else 1
    return share_equal(
        [
            Layer(
                mixer=read_attention(
                    text, causal=False, qkv_bias=bias, out_bias=bias, window=window if index % every else None
                ),
                mlp=mlp,
                norms=each * (2 if index else 1),
            )
            for index in range(layer_count(text))
        ]
    )


def nomic_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Rotary positions and a gate where the activation has one; biases all or none."""
    bias = text.flag("qkv_proj_bias", default=True)
    gated = str(text.get("activation_function") or text.get("hidden_act") or "swiglu") == "swiglu"
    mlp = DenseMlp(intermediate=text.integer("n_inner", "intermediate_size"), gated=gated, bias=bias)
    mixer = read_attention(text, causal=False, qkv_bias=bias, out_bias=bias)
    return (Layer(mixer=mixer, mlp=mlp, norms=4),) * layer_count(text)


def gte_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Rotary positions, gated; biases but for the gate and what it scales."""
    hidden = text.integer("hidden_size")
    mlp = DenseMlp(intermediate=text.integer("intermediate_size"), gated=True)
    mixer = read_attention(text, causal=False, qkv_bias=True, out_bias=True)
    return (Layer(mixer=mixer, mlp=mlp, norms=4, extra_params=hidden),) * layer_count(text)


def token_type_params(text: ConfigReader, hidden: int) -> int:
    """Rows that tell the first text of a pair from the second."""
    default = 0 if text.model_type == "modernbert" else 2
    return text.integer("type_vocab_size", default=default) * hidden if text.model_type in ENCODER_TYPES else 0


def embed_norms(text: ConfigReader) -> int:
    """Vectors beside the layers: the norm of the embeddings, and ModernBERT's last one."""
    if text.model_type == "modernbert":
        return 4 if text.flag("norm_bias") else 2
    return 2


def position_rows(text: ConfigReader) -> int:
    """Rows of the table of positions; none where positions are rotary."""
    return text.integer("max_position_embeddings", default=0) if text.model_type in BERT_TYPES else 0


def longest_input(text: ConfigReader, rows: int) -> int:
    """Tokens of the longest input: RoBERTa's table starts behind the padding; others are as long as their table."""
    if text.model_type not in _OFFSET_TYPES:
        return rows
    return rows - text.integer("pad_token_id", default=1) - 1


def head_params(text: ConfigReader, config: Mapping[str, Any], architecture: str) -> int:
    """Parameters of a classifier's head: a projection of the width, and the classes."""
    if text.model_type not in ENCODER_TYPES or "Classification" not in architecture:
        return 0
    hidden, labels = text.integer("hidden_size", "n_embd"), labels_of(config)
    tokens = "ForTokenClassification" in architecture
    if text.model_type == "modernbert":
        bias = 1 if text.flag("classifier_bias") else 0
        return (hidden + bias) * hidden + hidden + (hidden + 1) * labels
    return (0 if tokens else (hidden + 1) * hidden) + (hidden + 1) * labels
