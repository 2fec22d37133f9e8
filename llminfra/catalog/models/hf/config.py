"""``config.json`` to `ModelFacts`: finds the text model, its layers, head, encoders and quantization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llminfra.catalog.models.blocks.attention import GLM_NEXT_TYPES
from llminfra.catalog.models.config_reader import HIDDEN_KEYS, LAYER_KEYS, ConfigReader, ModelConfigError
from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.families.bert import (
    ENCODER_TYPES,
    embed_norms,
    head_params,
    position_rows,
    token_type_params,
)
from llminfra.catalog.models.families.deepseek41 import DEEPSEEK41_TYPES, engram_table
from llminfra.catalog.models.families.qwen4 import QWEN4_TYPES, gated_residual, lookup_table
from llminfra.catalog.models.families.whisper import WHISPER_TYPE, text_positions
from llminfra.catalog.models.hf.encoders import encoders_from, has_flat_tower
from llminfra.catalog.models.hf.gaps import check_layer_lists, gaps
from llminfra.catalog.models.hf.layers import decoder_layers, mtp_layers
from llminfra.catalog.models.hf.quantization import read_quantization
from llminfra.catalog.models.hf.rope import rope_from
from llminfra.catalog.models.tasks import code_of, task_of

_TEXT_KEYS = ("text_config", "llm_config", "language_config", "thinker_config", "language_model_config")


def facts_from_hf_config(config: Mapping[str, Any], *, model_id: str) -> ModelFacts:
    """See `ModelFacts.from_hf_config`."""
    top = ConfigReader.of(config, model_id)
    text = _text_reader(top)
    if not text.model_type and not text.has("hidden_size"):
        raise ModelConfigError(f"config.json of {model_id} has neither model_type nor hidden_size")
    # LLaVA's text_config names class and vocabulary and leaves the rest to transformers; a type alone would be a guess.
    named = (*HIDDEN_KEYS, *LAYER_KEYS, *(() if text is top else ("vocab_size", "num_attention_heads")))
    if not text.states_any(*named):
        raise ModelConfigError(
            f"config.json of {model_id} states no shape: it has neither `{HIDDEN_KEYS[0]}` nor `{LAYER_KEYS[0]}`"
        )
    check_layer_lists(text)
    notes = gaps(top, text)
    hidden = text.integer(*HIDDEN_KEYS)
    layers = decoder_layers(text)
    architectures = config.get("architectures") or text.values.get("architectures") or []
    named_alone = isinstance(architectures, str)
    architecture = str(architectures if named_alone else architectures[0]) if architectures else ""
    if has_flat_tower(top) and architecture == "DeepseekV4ForCausalLM":
        # vllm/transformers_utils/model_arch_config_convertor.py 0.33.0 takes the class with a tower.
        architecture = "DeepseekV4ForConditionalGeneration"
    rope_tables, longest = rope_from(text, layers)
    task = task_of(config, architecture=architecture, model_id=model_id)
    quant, doubt = read_quantization(top, text)
    table = engram_table(text) if text.model_type in DEEPSEEK41_TYPES else lookup_table(text)
    return ModelFacts(
        model_id=model_id,
        architecture=architecture,
        model_type=text.model_type,
        config_type=top.model_type,
        hidden_size=hidden,
        vocab_size=text.integer("vocab_size", "padded_vocab_size", default=0) or top.integer("vocab_size"),
        layers=layers,
        mtp_layers=mtp_layers(text),
        tie_word_embeddings=_tied(top, text),
        dtype=_dtype(top, text),
        max_position_embeddings=longest,
        rope_tables=_rope_tables(top, text, rope_tables),
        learned_positions=_learned_positions(text),
        embedding_dim=_embedding_dim(text, hidden),
        embed_norms=_embed_norms(text),
        head_bias=text.model_type in {"phi", "phi-msft", "gptj", "codegen"},
        extra_params=_extra_params(text, hidden),
        extra_vocab_params=_per_layer_vocab(text),
        lookup_params=table[0],
        lookup_bytes=table[1],
        ssm_state_bytes=_ssm_bytes(text),
        head_fp32=head_params(text, config, architecture),
        task=task,
        code=code_of(config, model_id),
        generative=task in {"generate", "transcribe"},
        encoders=encoders_from(top, hidden),
        quantization=quant,
        notes=(*notes, *doubt),
    )


def _rope_tables(
    top: ConfigReader, text: ConfigReader, found: tuple[tuple[int, int], ...]
) -> tuple[tuple[int, int], ...]:
    """Those of the text model, and what two families have otherwise.

    The table of GLM-5.3-Flash's tower has a row for every position of the text (``rotary_pos_emb``). DeepSeek V4.1 has
    two, of windows and of states, in 32 bit, so that each value counts twice (``DeepseekV4ScalingRotaryEmbedding``).
    """
    rows = text.integer("max_position_embeddings", default=0)
    if text.model_type in DEEPSEEK41_TYPES:
        return ((rows, 2 * text.integer("qk_rope_head_dim")),) * 2
    own = tuple(table for table in found if table[1])
    vision = top.sub("vision_config")
    if vision is None or text.model_type not in GLM_NEXT_TYPES:
        return own
    return (*own, (rows, vision.integer("hidden_size") // vision.integer("num_heads") // 2))


def _text_reader(top: ConfigReader) -> ConfigReader:
    for key in _TEXT_KEYS:
        nested = top.values.get(key)
        if not isinstance(nested, Mapping):
            continue
        kind = nested.get("model_type") or (top.defaults.get("sub_configs") or {}).get(key)
        reader = ConfigReader.of(nested, top.model_id, str(kind) if kind else f"{top.model_type}_text")
        if key == "thinker_config":
            return _text_reader(reader)
        return reader
    return top


def _tied(top: ConfigReader, text: ConfigReader) -> bool:
    for reader in (text, top):
        if reader.has("tie_word_embeddings"):
            return reader.flag("tie_word_embeddings")
    if text.model_type == "openelm":
        return text.flag("share_input_output_layers")
    default = text.defaults.get("tie_word_embeddings")
    if default is None:
        return text.model_type not in _UNTIED_BY_DEFAULT
    return bool(default)


# Remote-code configs set it themselves or inherit the transformers base default, which is True; these do not.
_UNTIED_BY_DEFAULT = frozenset(
    {"", "qwen", "baichuan", "chatglm", "internlm", "internlm2", "internlm3", "mpt_untied", "kimi_linear", "kimi_k2",
     "kimi_k25", "minimax_m2", "mimo", "mimo_v2", "mimo_v2_flash", "deepseek", "deepseek_v2", "deepseek_v3",
     "deepseek_v32", "afmoe", "deepseek_v4", "deepseek_v41", "deepseek_v41_text", "glm_moe_dsa",
     "step3p5", "step3p7", "exaone", "Yi", "phi3small", "phi-msft", "orion", "nemotron_h",
     "nemotron-nas", "bailing_moe", "bailing_moe_v2", "ernie4_5_moe", "dots1", "pangu", "grok-1", "minimax_text_01",
     "llama"}
)  # fmt: skip


def _dtype(top: ConfigReader, text: ConfigReader) -> str:
    for reader in (text, top):
        for key in ("dtype", "torch_dtype"):
            value = reader.values.get(key)
            if isinstance(value, str):
                return value.removeprefix("torch.")
    return "bfloat16"


def _ssm_bytes(text: ConfigReader) -> int:
    name = text.get("mamba_ssm_cache_dtype", "mamba_ssm_dtype")
    return {"float32": 4, "float16": 2, "bfloat16": 2}.get(str(name), 0)


def _learned_positions(text: ConfigReader) -> int:
    if text.model_type == "opt":
        return text.integer("max_position_embeddings") + 2
    if text.model_type in {"gpt2", "gpt_bigcode"}:
        return text.integer("n_positions", default=1024)
    return text_positions(text) if text.model_type == WHISPER_TYPE else position_rows(text)


def _embed_norms(text: ConfigReader) -> int:
    if text.model_type in QWEN4_TYPES:
        return 0  # The norm of the last mixer, which `_extra_params` counts.
    if text.model_type in ENCODER_TYPES:
        return embed_norms(text)
    return 2 if text.model_type in {"bloom", WHISPER_TYPE} else 1


def _embedding_dim(text: ConfigReader, hidden: int) -> int | None:
    projected = text.get("word_embed_proj_dim")
    return int(projected) if isinstance(projected, int) and projected != hidden else None


def _per_layer_vocab(text: ConfigReader) -> int:
    width = text.integer("hidden_size_per_layer_input", default=0)
    if not width:
        return 0
    rows = text.integer("vocab_size_per_layer_input", default=text.integer("vocab_size"))
    return rows * width * text.integer("num_hidden_layers")


def _extra_params(text: ConfigReader, hidden: int) -> int:
    width = text.integer("hidden_size_per_layer_input", default=0)
    total = gated_residual(text, injects=False) if text.model_type in QWEN4_TYPES else 0
    total += token_type_params(text, hidden)
    if width:
        layers = text.integer("num_hidden_layers")
        total += layers * width * hidden + width
    streams = text.integer("altup_num_inputs", default=0)
    if streams > 1:
        total += 2 * (streams - 1) * hidden * hidden
    return total
