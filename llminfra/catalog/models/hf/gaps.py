"""What a ``config.json`` leaves open: refused where no shape can be known, told where a documented default is taken."""

from __future__ import annotations

from llminfra.catalog.models.blocks.attention import KV_HEAD_KEYS
from llminfra.catalog.models.blocks.feed_forward import INTERMEDIATE_KEYS
from llminfra.catalog.models.config_reader import HIDDEN_KEYS, LAYER_KEYS, ConfigReader, ModelConfigError
from llminfra.catalog.models.families.bert import ENCODER_TYPES
from llminfra.catalog.models.families.whisper import WHISPER_KEYS, WHISPER_TYPE
from llminfra.catalog.models.hf.layers import BUILT_TYPES
from llminfra.catalog.models.hf.rope import ASSUMED_CONTEXT, CONTEXT_KEYS

# Types of softmax attention in every layer whose code was read: those of the catalog, and those whose biases, norms and
# feed-forward blocks are told apart in blocks/attention.py and blocks/feed_forward.py.
_READ_TYPES = BUILT_TYPES | frozenset(
    {"apertus", "arcee", "baichuan", "bailing_moe", "bailing_moe_v2", "bloom", "chatglm", "codegen", "cohere",
     "cohere2", "cwm", "deci", "deepseek", "deepseek_ref", "deepseek_v2", "deepseek_v3", "deepseek_v32", "dots1",
     "dots_ocr", "ernie4_5", "ernie4_5_moe", "exaone", "exaone4", "falcon", "flex_olmo", "gemma", "gemma2", "gemma3",
     "gemma3_text", "glm", "glm4", "glm4_moe", "glm4_moe_lite", "glm4v_moe_text", "glm4v_text", "glm_moe_dsa",
     "gpt2", "gpt_bigcode", "gpt_neox", "gptj", "granite", "granitemoe", "helium", "hunyuan_v1_dense",
     "hunyuan_v1_moe", "hy_v3", "internlm", "internlm2", "internlm3", "kimi_k2", "kimi_k25", "llama", "mellum",
     "mimo", "minimax_m2", "minimax_m3", "minimax_m3_vl_text", "ministral", "ministral3", "mistral", "mistral4",
     "mixtral", "mpt", "nemotron", "olmo", "olmo2", "olmo3", "olmoe", "opt", "orion", "persimmon", "phi", "phi-msft",
     "phi3", "phi3_v", "phi3small", "phi4mm", "phimoe", "qwen", "qwen2", "qwen2_5_omni_text", "qwen2_5_vl",
     "qwen2_5_vl_text", "qwen2_audio", "qwen2_moe", "qwen2_vl", "qwen2_vl_text", "qwen3", "qwen3_moe",
     "qwen3_omni_moe_text", "qwen3_vl", "qwen3_vl_moe", "qwen3_vl_moe_text", "qwen3_vl_text", "RefinedWeb",
     "RefinedWebModel", "seed_oss", "smollm3", "sarvam_mla", "sarvam_moe", "solar_open", "stablelm", "starcoder2",
     "Yi"}
)  # fmt: skip
# Their configs have no such key: every query head has keys and values of its own, or the family says it elsewhere.
_WITHOUT_KV_KEY = frozenset(
    {"baichuan", "bloom", "chatglm", "codegen", "dbrx", "deepseek", "falcon", "RefinedWeb", "RefinedWebModel", "gpt2",
     "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj", "internlm", "mpt", "nemotron-nas", "openelm", "opt", "phi-msft",
     "qwen"}
) | ENCODER_TYPES  # fmt: skip
# Llama's successors take as many key-value heads as heads where the config says none: the class sets it so
# (``if num_key_value_heads is None``, transformers).
_HEADS_BY_DEFAULT = frozenset({"internlm2", "orion", "Yi", "phi3_v", "persimmon", "deci"})
_RECURRENT = ("ssm_", "mamba_", "rwkv", "state_size", "conv_kernel", "d_conv", "time_step_", "linear_num_", "lru_width")
_LAYER_LISTS = ("layer_types", "layers_block_type", "attn_type_list", "block_configs", "hybrid_override_pattern")
# As transformers names them; what a family does not have of these is refused by its own reader.
_SOFTMAX_NAMES = frozenset(
    {"full_attention", "sliding_attention", "attention", "chunked_attention", "deepseek_sparse_attention", "global",
     "local"}
)  # fmt: skip
_OTHER_NAMES = frozenset(
    {"linear_attention", "mamba", "mamba2", "conv", "moe", "mlp", "hybrid", "recurrent", "sparse", "dense",
     "compressed_sparse_attention", "heavily_compressed_attention", "qwen_sparse_attention", "indexed_attention"}
)  # fmt: skip
_MAIN_KEYS: tuple[tuple[str, ...], ...] = (
    HIDDEN_KEYS,
    LAYER_KEYS,
    ("num_attention_heads", "n_head", "n_heads", "num_query_heads"),
    KV_HEAD_KEYS,
    INTERMEDIATE_KEYS,
    ("vocab_size", "padded_vocab_size"),
    CONTEXT_KEYS,
)


def check_layer_lists(text: ConfigReader) -> None:
    """Refuse lists with an entry a layer that are too short, or name what nobody knows.

    Raises:
        ModelConfigError: No layer can be told by such a list.
    """
    count = text.values.get("num_hidden_layers")
    for key in _LAYER_LISTS:
        items = text.values.get(key)
        if isinstance(items, list | str) and isinstance(count, int) and 0 < len(items) < count:
            raise _wrong(text, f"{key} has {len(items)} entries, expected {count}, one for each layer")
    names = text.values.get("layer_types")
    if names is None:
        return
    if not isinstance(names, list) or not names:
        raise _wrong(text, f"layer_types is {names!r}, expected a list of names")
    known = _SOFTMAX_NAMES | (_OTHER_NAMES if text.model_type in BUILT_TYPES else frozenset())
    if unknown := [item for item in dict.fromkeys(map(str, names)) if item not in known]:
        raise _wrong(text, f"layer_types names {', '.join(unknown)}, expected some of {', '.join(sorted(known))}")


def gaps(top: ConfigReader, text: ConfigReader) -> tuple[str, ...]:
    """What was taken for what the config does not say, one sentence each.

    Raises:
        ModelConfigError: The config does not say it, and nobody documents a default.
    """
    notes = []
    kind = text.model_type
    main = WHISPER_KEYS if kind == WHISPER_TYPE else _MAIN_KEYS
    if kind not in _READ_TYPES:
        notes.append(_unread(text))
        if not (top.has("tie_word_embeddings") or text.has("tie_word_embeddings")):
            notes.append("tie_word_embeddings is not stated: true, as in every config class of transformers")
    taken = []
    for keys in main:
        if text.states_any(*keys):
            continue
        default = next((text.defaults[key] for key in keys if text.defaults.get(key) is not None), None)
        if default is not None:
            taken.append(f"{keys[0]} {default}")
        elif keys is CONTEXT_KEYS:
            notes.append(f"config.json states no {keys[0]}: {ASSUMED_CONTEXT:,} tokens are taken")
        elif keys is KV_HEAD_KEYS and (heads := _kv_heads(text)):
            taken.append(f"{keys[0]} {heads}, as many as heads")
    if taken:
        notes.append(
            f"config.json does not say {'; '.join(taken)}: the default{'s' if len(taken) > 1 else ''} of the class of"
            f" {kind!r} in transformers"
        )
    if text.has("num_key_value_heads_per_layer"):
        notes.append(
            "num_key_value_heads_per_layer differs by layer: its largest is taken in all, as vLLM's DeciLM does"
        )
    return tuple(notes)


def _unread(text: ConfigReader) -> str:
    """A model type whose code nobody read, as long as the config says what a Llama-like decoder needs."""
    kind = text.model_type
    named = f"model_type {kind!r}" if kind else "a model without model_type"
    if marks := [key for key in text.values if key.startswith(_RECURRENT)]:
        raise _wrong(text, f"{named} has recurrent layers ({marks[0]}) of a shape that is not known here")
    if text.values.get("is_encoder_decoder") is True:
        raise _wrong(text, f"{named} is an encoder with a decoder, whose layers are not known here")
    return (
        f"{named} is not one whose code was read: its layers are taken for a Llama-like decoder's, softmax attention"
        " and a gated feed-forward block"
    )


def _kv_heads(text: ConfigReader) -> int | None:
    """As many as heads where the class documents that; None where the family says it in another way.

    Raises:
        ModelConfigError: Nothing says how many there are.
    """
    kind = text.model_type
    other_way = kind in _WITHOUT_KV_KEY or text.states_any("kv_lora_rank", "num_key_value_heads_per_layer")
    if other_way or not text.get("num_attention_heads", "n_head", "n_heads"):
        return None
    if kind in _HEADS_BY_DEFAULT or text.defaults:
        return text.integer("num_attention_heads", "n_head", "n_heads")
    raise _wrong(
        text,
        f"num_key_value_heads is not stated, and no default is documented for model_type {kind or 'missing'}",
    )


def _wrong(text: ConfigReader, what: str) -> ModelConfigError:
    return ModelConfigError(f"config.json of {text.model_id}: {what}")
