"""Softmax and latent attention of a text config: heads, biases, norms, windows.

Shapes follow the model code of vLLM 0.33.0 (``vllm/model_executor/models``) and transformers 5.22.2; families differ in
the flags they pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llminfra.catalog.models.config_reader import LAYER_KEYS, ConfigReader, ModelConfigError
from llminfra.catalog.models.mixers import Attention, Indexer, Mla, QkNorm

MOST_LAYERS = 10_000
GLM_NEXT_TYPES = frozenset({"glm5_next", "glm5_next_text"})
KV_HEAD_KEYS = (
    "num_key_value_heads",
    "num_kv_heads",
    "n_head_kv",
    "multi_query_group_num",
    "n_kv_heads",
    "num_attention_groups",
)
HEAD_KEYS = ("num_attention_heads", "n_head", "n_heads")


# Queries, keys and values have biases although the config has no key that says so.
_QKV_BIAS_TYPES = frozenset({"qwen", "qwen2", "qwen2_moe", "qwen2_vl", "qwen2_5_vl", "qwen2_vl_text", "qwen2_5_vl_text",
                             "qwen2_5_omni_text", "qwen2_audio", "chatglm", "glm4v_text", "dots_ocr"})  # fmt: skip


_ALL_BIAS_TYPES = frozenset({"opt", "gpt2", "gpt_bigcode", "gpt_neox", "bloom", "phi", "phi-msft", "starcoder2"})


_QK_NORM_TYPES = frozenset(
    {"qwen3", "qwen3_moe", "qwen3_vl", "qwen3_vl_text", "qwen3_vl_moe", "qwen3_vl_moe_text", "qwen3_omni_moe_text",
     "gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "gemma4", "gemma4_text", "gemma4_unified_text", "qwen3_next",
     "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text", "qwen4_exp", "qwen4_exp_text",
     "exaone4", "hunyuan_v1_dense", "hunyuan_v1_moe",
     "step3p5", "step3p7", "lfm2", "lfm2_moe", "apertus", "bailing_moe_v2", "laguna", "afmoe", "mellum"}
)  # fmt: skip


_FULL_QK_NORM_TYPES = frozenset({"olmo2", "olmo3", "olmoe", "flex_olmo", "minimax_m2"})


_ONE_NORM_TYPES = frozenset({"gptj", "phi", "phi-msft", "cohere", "cohere2", "falcon", "codegen"})


_FOUR_NORM_TYPES = frozenset(
    {"gemma2", "gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "gemma4", "gemma4_text", "gemma4_unified_text",
     "glm4", "glm4v_text"}
)  # fmt: skip


_BIASED_NORM_TYPES = frozenset(
    {"opt", "gpt2", "gpt_bigcode", "gpt_neox", "gptj", "bloom", "phi", "phi-msft", "mpt", "falcon", "RefinedWeb",
     "starcoder2", "nemotron", "stablelm", "phimoe"}
)  # fmt: skip


def layer_count(text: ConfigReader) -> int:
    """Number of decoder layers.

    Raises:
        ModelConfigError: the count is missing or absurd.
    """
    count = text.integer(*LAYER_KEYS)
    if not 0 < count <= MOST_LAYERS:
        raise ModelConfigError(
            f"config.json of {text.model_id}: num_hidden_layers is {count}, expected 1 to {MOST_LAYERS:,}"
        )
    return count


def per_layer(text: ConfigReader, count: int, keys: Sequence[str]) -> list[int] | None:
    """A size that the config gives for each layer; None where it gives one for all, or none.

    Raises:
        ModelConfigError: The list is not one whole number for each layer.
    """
    value: Any = text.get(*keys)
    if not isinstance(value, list):
        return None
    whole = all(isinstance(item, int) and not isinstance(item, bool) and item > 0 for item in value)
    if len(value) != count or not whole:
        raise ModelConfigError(
            f"config.json of {text.model_id}: {keys[0]} is a list of {len(value)}, expected {count} whole numbers, one"
            " for each layer"
        )
    return [int(item) for item in value]


def read_heads(text: ConfigReader) -> tuple[int, int, int]:
    """Query heads, key-value heads and head size.

    Raises:
        ModelConfigError: They do not go together, or differ by layer in a family that is not known to do so.
    """
    heads = text.integer(*HEAD_KEYS)
    hidden = text.integer("hidden_size", "n_embd", "d_model")
    kv = text.get(*KV_HEAD_KEYS)
    by_layer = text.values.get("num_key_value_heads_per_layer")
    if kv is None and isinstance(by_layer, list) and by_layer:
        kv = max(int(item) for item in by_layer)
    if text.model_type in {"falcon", "RefinedWeb", "RefinedWebModel"}:
        kv = _falcon_kv_heads(text, heads)
    elif text.model_type == "gpt_bigcode" and text.flag("multi_query", default=True):
        kv = 1
    elif text.model_type == "mpt":
        kv = (text.values.get("attn_config") or {}).get("kv_n_heads")
    elif text.model_type == "chatglm" and not text.flag("multi_query_attention"):
        kv = heads
    if isinstance(kv, list):
        # `families.softmax.transformer_layers` puts each layer's own in its place.
        kv = max(kv)
    kv_heads = int(kv) if isinstance(kv, int | float) else heads
    if not 0 < kv_heads <= heads:
        raise ModelConfigError(
            f"config.json of {text.model_id}: num_key_value_heads is {kv_heads}, expected 1 to num_attention_heads"
            f" {heads}"
        )
    head_dim = text.get("head_dim", "kv_channels", "attention_head_dim")
    if not isinstance(head_dim, int) or head_dim <= 0:
        head_dim = hidden // heads
        if head_dim < 1:
            raise ModelConfigError(
                f"config.json of {text.model_id}: num_attention_heads is {heads}, expected at most hidden_size {hidden}"
            )
    return heads, kv_heads, head_dim


def _falcon_kv_heads(text: ConfigReader, heads: int) -> int:
    if text.flag("new_decoder_architecture"):
        return text.integer("num_kv_heads", "n_head_kv", default=8)
    return 1 if text.flag("multi_query", default=True) else heads


def _qk_norm(text: ConfigReader) -> QkNorm:
    if text.model_type in _FULL_QK_NORM_TYPES:
        return QkNorm.FULL if text.model_type != "minimax_m2" or text.flag("use_qk_norm", default=True) else QkNorm.NONE
    if text.model_type in _QK_NORM_TYPES or text.flag("use_qk_norm", "qk_norm", "qk_layernorm"):
        return QkNorm.PER_HEAD
    return QkNorm.NONE


def _qkv_bias(text: ConfigReader) -> bool:
    kind = text.model_type
    if kind in _QKV_BIAS_TYPES or kind in _ALL_BIAS_TYPES:
        return True
    if kind in {"falcon", "RefinedWeb", "RefinedWebModel"}:
        return text.flag("bias")
    return text.flag("attention_bias", "qkv_bias", "use_qkv_bias", "use_bias", "add_qkv_bias", "attn_bias")


def read_attention(text: ConfigReader, *, window: int | None = None, **changes: Any) -> Attention:
    """Softmax attention; ``changes`` are the fields in which a family differs."""
    heads, kv_heads, head_dim = read_heads(text)
    values: dict[str, Any] = {
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": head_dim,
        "v_head_dim": head_dim,
        "window": window,
        "qkv_bias": _qkv_bias(text),
        "out_bias": text.model_type in _ALL_BIAS_TYPES or text.model_type == "gpt_oss",
        "qk_norm": _qk_norm(text),
        "causal": text.values.get("is_causal") is not False and not _sees_ahead(text),
    }
    return Attention(**(values | changes))


def _sees_ahead(text: ConfigReader) -> bool:
    """Whether every token sees those after it; Gemma 4 says ``vision`` where only the tokens of an image do."""
    if text.get("use_bidirectional_attention") in ("vision", "all"):
        return bool(text.get("use_bidirectional_attention") == "all")
    return text.flag("use_bidirectional_attention")


def read_mla(text: ConfigReader) -> Mla:
    """Latent attention, with its indexer where the config has one."""
    q_rank = text.get("q_lora_rank")
    indexer = None
    if text.has("index_topk") or text.model_type in {"deepseek_v32", "glm_moe_dsa"}:
        indexer = Indexer(
            heads=text.integer("index_n_heads", default=64),
            head_dim=text.integer("index_head_dim", default=128),
            top_k=text.integer("index_topk", default=2048),
            pool=text.integer("index_kpool", default=1),
        )
    return Mla(
        heads=text.integer("num_attention_heads"),
        q_lora_rank=int(q_rank) if q_rank else None,
        kv_lora_rank=text.integer("kv_lora_rank"),
        qk_nope_head_dim=text.integer("qk_nope_head_dim"),
        qk_rope_head_dim=text.integer("qk_rope_head_dim"),
        v_head_dim=text.integer("v_head_dim"),
        indexer=indexer,
        plain=text.model_type in GLM_NEXT_TYPES,
        gated=text.flag("mla_use_output_gate"),
    )


def read_norms(text: ConfigReader) -> int:
    """Vectors of hidden size in a layer: norms, twice where they have biases."""
    kind = text.model_type
    count = 1 if kind in _ONE_NORM_TYPES else 4 if kind in _FOUR_NORM_TYPES else 2
    return count * (2 if kind in _BIASED_NORM_TYPES else 1)


def read_windows(text: ConfigReader, count: int) -> list[int | None]:
    """Sliding window of each layer, None for full attention."""
    types = text.values.get("layer_types")
    size = text.get("sliding_window", "sliding_window_size", "window_size")
    window = int(size) if isinstance(size, int) and size > 0 else None
    kind = text.model_type
    if isinstance(types, list) and len(types) >= count:
        return [window if "sliding" in str(types[i]) else None for i in range(count)]
    if window is None:
        return [None] * count
    if text.flag("use_sliding_window", default=True) is False:
        return [None] * count
    if kind == "gemma2":
        return [window if i % 2 == 0 else None for i in range(count)]
    if kind == "gpt_oss":
        return [window if i % 2 == 0 else None for i in range(count)]
    if kind in {"gemma3", "gemma3_text", "cohere2", "gemma3n", "gemma3n_text", "gemma4_text", "exaone4", "olmo3"}:
        default = {"gemma3": 6, "gemma3_text": 6, "gemma4_text": 6, "gemma3n_text": 5, "gemma3n": 5}.get(kind, 4)
        pattern: Any = text.values.get("sliding_window_pattern", text.values.get("_sliding_window_pattern"))
        if isinstance(pattern, str):
            return [window if pattern[i % len(pattern)] == "L" else None for i in range(count)]
        step = int(pattern) if isinstance(pattern, int) and pattern > 0 else default
        return [window if (i + 1) % step else None for i in range(count)]
    if kind.startswith(("qwen2", "qwen3")):
        # Below max_window_layers full attention; the key only counts when use_sliding_window is set.
        if not text.values.get("use_sliding_window"):
            return [None] * count
        first = text.integer("max_window_layers", default=count)
        return [window if i >= first else None for i in range(count)]
    return [window] * count
