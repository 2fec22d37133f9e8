"""Rotary tables that engines keep beside the weights, from a Hugging Face config.

vLLM makes a table for every distinct embedding (``get_rope``, vllm/model_executor/layers/rotary_embedding/__init__.py
0.19.0), in the model's dtype: a row for each position, of the rotary width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llminfra.catalog.models.config_reader import ConfigReader
from llminfra.catalog.models.facts import Layer
from llminfra.catalog.models.families.bert import BERT_TYPES, longest_input
from llminfra.catalog.models.families.whisper import WHISPER_TYPE, text_positions
from llminfra.catalog.models.mixers import Attention

CONTEXT_KEYS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "max_sequence_length",
    "max_context_length",
)
ASSUMED_CONTEXT = 2048
"""Longest context of a config that states none."""
_WITHOUT = frozenset({"opt", "mpt", "bloom", "gpt2", "gpt_bigcode", "mamba", "mamba2"}) | BERT_TYPES
_LONGER = frozenset({"yarn", "deepseek_yarn", "linear", "dynamic"})
"""Kinds of scaling that multiply the rows; llama3 scaling leaves them."""
_MULTIMODAL = (
    "qwen2_vl",
    "qwen2_5_vl",
    "qwen2_5_omni",
    "qwen3_vl",
    "qwen3_5",
    "qwen4_exp",
    "qwen3_omni",
    "glm4v",
    "glm4_5v",
)
_MULTIMODAL_ROWS = 4
"""Positions of images and videos may exceed the context: ``MRotaryEmbedding`` (mrope.py) has four times the rows."""
_WITH_LOCAL_TABLE = ("gemma3",)
"""Sliding layers have an unscaled embedding of their own (``rope_local_base_freq``), and the scaling factor says
nothing about the longest context (``_get_and_verify_max_len``, vllm/config/model.py)."""


def rope_from(text: ConfigReader, layers: tuple[Layer, ...]) -> tuple[tuple[tuple[int, int], ...], int]:
    """Rows and width of each table, and the longest context that the config allows."""
    rows = text.integer(*CONTEXT_KEYS, default=ASSUMED_CONTEXT)
    if text.model_type == WHISPER_TYPE:
        return (), text_positions(text)
    if text.model_type == "nomic_bert":
        # ``n_positions`` is what a stretched embedding reaches; engines serve what was trained (vllm#18755).
        rows = text.integer("max_trained_positions", "max_position_embeddings", default=ASSUMED_CONTEXT)
    if text.flag("alibi") or text.model_type in _WITHOUT:
        return (), longest_input(text, rows)
    parameters = text.values.get("rope_scaling") or text.values.get("rope_parameters")
    scaling = parameters if isinstance(parameters, Mapping) else {}
    by_layer = {str(kind): item for kind, item in scaling.items() if isinstance(item, Mapping)}
    local = text.model_type.startswith(_WITH_LOCAL_TABLE)
    tables: dict[tuple[Any, ...], tuple[int, int]] = {}
    longest = rows
    for kind, item in (by_layer or {"": scaling}).items():
        table, reach = _table(text, item, layers, rows, kind)
        tables[(table, *sorted(f"{key}={value}" for key, value in item.items()))] = table
        longest = rows if local else max(longest, reach)
    if local and not by_layer:
        table, _ = _table(text, {}, layers, rows, "")
        tables[("local",)] = table
    return tuple(tables.values()), longest


def _table(
    text: ConfigReader, scaling: Mapping[str, Any], layers: tuple[Layer, ...], rows: int, layer_kind: str
) -> tuple[tuple[int, int], int]:
    kind = str(scaling.get("rope_type") or scaling.get("type") or "default")
    factor = scaling.get("factor")
    original = scaling.get("original_max_position_embeddings") or text.values.get("original_max_position_embeddings")
    longest = rows
    if isinstance(factor, int | float) and kind in _LONGER:
        scaled = int((int(original) if original else rows) * factor)
        longest = max(rows, scaled) if original else scaled
        rows = scaled
    if "mrope_section" in scaling or text.model_type.startswith(_MULTIMODAL):
        rows *= _MULTIMODAL_ROWS
    return (rows, _width(text, scaling, layers, layer_kind, kind)), longest


def _width(
    text: ConfigReader, scaling: Mapping[str, Any], layers: tuple[Layer, ...], layer_kind: str, kind: str
) -> int:
    if text.has("qk_rope_head_dim"):
        return text.integer("qk_rope_head_dim")
    head_dim = next((mixer.head_dim for layer in layers if isinstance(mixer := layer.mixer, Attention)), 0)
    if layer_kind == "full_attention" and text.has("global_head_dim"):
        head_dim = text.integer("global_head_dim")
    if kind == "proportional":
        return head_dim  # gemma4_rope.py: what is not rotated is in the table as well
    partial = text.get("partial_rotary_factor", "rotary_pct")
    if partial is None:
        partial = scaling.get("partial_rotary_factor")
    return int(head_dim * float(partial)) if partial is not None else head_dim
