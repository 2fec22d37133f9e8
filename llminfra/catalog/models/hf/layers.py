"""Decoder layers from a text config, family by family."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from llminfra.catalog.models.blocks.attention import MOST_LAYERS
from llminfra.catalog.models.config_reader import ConfigReader
from llminfra.catalog.models.facts import Layer
from llminfra.catalog.models.families.bert import (
    BERT_TYPES,
    bert_layers,
    gte_layers,
    modernbert_layers,
    nomic_layers,
)
from llminfra.catalog.models.families.deepseek41 import DEEPSEEK41_TYPES, deepseek41_layers, deepseek41_mtp
from llminfra.catalog.models.families.ernie_vl import ERNIE_VL_TYPES, ernie_vl_layers
from llminfra.catalog.models.families.mimo import MIMO_V2_TYPES, mimo_v2_layers, mimo_v2_mtp
from llminfra.catalog.models.families.muse import MUSE_TYPES, muse_layers
from llminfra.catalog.models.families.qwen4 import QWEN4_TYPES, qwen4_layers, qwen4_mtp
from llminfra.catalog.models.families.recurrent import (
    falcon_h1_layers,
    glm_next_layers,
    jamba_layers,
    kimi_linear_layers,
    lfm2_layers,
    mamba_hybrid_layers,
    minimax_text_layers,
    nemotron_h_layers,
    pure_mamba_layers,
    qwen3_next_layers,
)
from llminfra.catalog.models.families.softmax import (
    afmoe_layers,
    dbrx_layers,
    deepseek_v4_layers,
    gemma3n_layers,
    gemma4_layers,
    gpt_oss_layers,
    laguna_layers,
    llama4_layers,
    mllama_layers,
    nemotron_nas_layers,
    openelm_layers,
    transformer_layers,
)
from llminfra.catalog.models.families.step import STEP_TYPES, step_layers, step_mtp
from llminfra.catalog.models.families.whisper import WHISPER_TYPE, whisper_layers
from llminfra.catalog.models.mixers import Attention, Mla

# Their configs do not say it: vllm/model_executor/models/qwen3_next_mtp.py and qwen3_5_mtp.py default to one (0.33.0).
_ONE_MTP_LAYER_TYPES = (
    frozenset({"qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text"}) | QWEN4_TYPES
)


def decoder_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Decoder layers in order."""
    builder = _BUILDERS.get(text.model_type)
    if builder is None and text.has("block_configs"):
        builder = nemotron_nas_layers
    return (builder or transformer_layers)(text)


def mtp_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Multi-token-prediction layers that the checkpoint carries; engines load them only to speculate."""
    if text.model_type in MIMO_V2_TYPES:
        return mimo_v2_mtp(text)
    default = 1 if text.model_type in _ONE_MTP_LAYER_TYPES else 0
    count = text.integer("num_nextn_predict_layers", "mtp_num_hidden_layers", default=default)
    if not 0 < count <= MOST_LAYERS:
        return ()
    if text.model_type in QWEN4_TYPES:
        return qwen4_mtp(text, count)
    if text.model_type in DEEPSEEK41_TYPES:
        return deepseek41_mtp(text, count)
    if text.model_type in STEP_TYPES:
        return step_mtp(text, count)
    layers = decoder_layers(text)
    full = [layer for layer in layers if isinstance(layer.mixer, Attention | Mla)]
    if not full:
        return ()
    # Each carries a projection from two hidden vectors to one, beside a decoder layer.
    hidden = text.integer("hidden_size")
    last = full[-1]
    mixer = last.mixer
    if isinstance(mixer, Attention) and mixer.compression is not None:
        # DeepSeek V4 drafts with the window alone.
        mixer = replace(mixer, compression=replace(mixer.compression, ratio=1, indexer=None))
    if isinstance(mixer, Mla) and mixer.indexer is not None:
        # The drafting layer picks for itself whatever the last layer does (deepseek_v2.py 0.24.0).
        mixer = replace(mixer, indexer=replace(mixer.indexer, borrowed=False))
    moe, norms = last.moe, last.norms
    if text.get("mtp_hybrid_override_pattern", "mtp_layers_block_type") in ("*E", ["attention", "moe"]):
        # Nemotron 3 drafts with a layer of attention and one of experts (nemotron_h_mtp.py).
        moe, norms = next((layer.moe for layer in layers if layer.moe), None), norms + 1
    body = Layer(
        mixer=mixer,
        mlp=last.mlp,
        moe=moe,
        norms=norms + 3,
        extra_params=last.extra_params + 2 * hidden * hidden,
    )
    return (body,) * count


_BUILDERS: dict[str, Callable[[ConfigReader], tuple[Layer, ...]]] = {
    "deepseek_v4": deepseek_v4_layers,
    "deepseek_v41": deepseek41_layers,
    "deepseek_v41_text": deepseek41_layers,
    "gpt_oss": gpt_oss_layers,
    "laguna": laguna_layers,
    "llama4": llama4_layers,
    "llama4_text": llama4_layers,
    "gemma4": gemma4_layers,
    "gemma4_text": gemma4_layers,
    "gemma4_unified": gemma4_layers,
    "gemma4_unified_text": gemma4_layers,
    "gemma3n": gemma3n_layers,
    "gemma3n_text": gemma3n_layers,
    "qwen3_next": qwen3_next_layers,
    "qwen3_5": qwen3_next_layers,
    "qwen3_5_text": qwen3_next_layers,
    "qwen3_5_moe": qwen3_next_layers,
    "qwen3_5_moe_text": qwen3_next_layers,
    "qwen4_exp": qwen4_layers,
    "qwen4_exp_text": qwen4_layers,
    "glm5_next": glm_next_layers,
    "glm5_next_text": glm_next_layers,
    "kimi_linear": kimi_linear_layers,
    "nemotron_h": nemotron_h_layers,
    "jamba": jamba_layers,
    "bamba": mamba_hybrid_layers,
    "granitemoehybrid": mamba_hybrid_layers,
    "falcon_h1": falcon_h1_layers,
    "mamba": pure_mamba_layers,
    "mamba2": pure_mamba_layers,
    "falcon_mamba": pure_mamba_layers,
    "lfm2": lfm2_layers,
    "lfm2_moe": lfm2_layers,
    "minimax": minimax_text_layers,
    "minimax_text_01": minimax_text_layers,
    "minimax_m1": minimax_text_layers,
    "mllama": mllama_layers,
    "mllama_text_model": mllama_layers,
    "nemotron-nas": nemotron_nas_layers,
    "openelm": openelm_layers,
    "afmoe": afmoe_layers,
    "dbrx": dbrx_layers,
    **dict.fromkeys(sorted(BERT_TYPES), bert_layers),
    "modernbert": modernbert_layers,
    "nomic_bert": nomic_layers,
    "new": gte_layers,
    "gte": gte_layers,
    WHISPER_TYPE: whisper_layers,
    **dict.fromkeys(ERNIE_VL_TYPES, ernie_vl_layers),
    **dict.fromkeys(MIMO_V2_TYPES, mimo_v2_layers),
    **dict.fromkeys(MUSE_TYPES, muse_layers),
    **dict.fromkeys(STEP_TYPES, step_layers),
}
BUILT_TYPES = frozenset(_BUILDERS)
"""Model types that have a reader of their own."""
