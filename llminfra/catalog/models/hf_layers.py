"""Decoder layers from a text config, family by family.

Shapes follow the model code of vLLM 0.33.0 (``vllm/model_executor/models``) and transformers 5.22.2; the families
share `_attention` and `_mlp` and differ in the flags they pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llminfra.catalog.models.config_reader import ConfigReader, ModelConfigError
from llminfra.catalog.models.facts import (
    Attention,
    DenseMlp,
    GatedDeltaNet,
    Indexer,
    KimiDelta,
    Layer,
    LightningAttention,
    Mamba1,
    Mamba2,
    Mla,
    Moe,
    QkNorm,
    ShortConv,
)

MOST_LAYERS = 10_000
# Queries, keys and values have biases although the config has no key that says so.
_QKV_BIAS_TYPES = frozenset({"qwen", "qwen2", "qwen2_moe", "qwen2_vl", "qwen2_5_vl", "qwen2_vl_text", "qwen2_5_vl_text",
                             "qwen2_5_omni_text", "qwen2_audio", "chatglm", "glm4v_text", "dots_ocr"})  # fmt: skip
_ALL_BIAS_TYPES = frozenset({"opt", "gpt2", "gpt_bigcode", "gpt_neox", "bloom", "phi", "phi-msft", "starcoder2"})
_QK_NORM_TYPES = frozenset(
    {"qwen3", "qwen3_moe", "qwen3_vl", "qwen3_vl_text", "qwen3_vl_moe", "qwen3_vl_moe_text", "qwen3_omni_moe_text",
     "gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "gemma4", "gemma4_text", "qwen3_next", "qwen3_5",
     "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text", "exaone4", "hunyuan_v1_dense", "hunyuan_v1_moe", "step3p7",
     "lfm2", "lfm2_moe", "apertus", "bailing_moe_v2"}
)  # fmt: skip
_FULL_QK_NORM_TYPES = frozenset({"olmo2", "olmo3", "olmoe", "flex_olmo", "minimax_m2"})
_UNGATED_TYPES = frozenset(
    {"opt", "gpt2", "gpt_bigcode", "gpt_neox", "gptj", "bloom", "phi", "phi-msft", "mpt", "falcon", "RefinedWeb",
     "RefinedWebModel", "starcoder2", "nemotron", "persimmon", "codegen", "arcee", "apertus"}
)  # fmt: skip
_ONE_NORM_TYPES = frozenset({"gptj", "phi", "phi-msft", "cohere", "cohere2", "falcon", "codegen"})
_FOUR_NORM_TYPES = frozenset(
    {"gemma2", "gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "gemma4", "gemma4_text", "glm4"}
)
_BIASED_NORM_TYPES = frozenset(
    {"opt", "gpt2", "gpt_bigcode", "gpt_neox", "gptj", "bloom", "phi", "phi-msft", "mpt", "falcon", "RefinedWeb",
     "starcoder2", "nemotron", "stablelm", "phimoe"}
)  # fmt: skip


# Their configs do not say it: vllm/model_executor/models/qwen3_next_mtp.py and qwen3_5_mtp.py default to one (0.33.0).
_ONE_MTP_LAYER_TYPES = frozenset({"qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text"})


def decoder_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Decoder layers in order."""
    builder = _BUILDERS.get(text.model_type)
    if builder is not None:
        return builder(text)
    return _transformer(text)


def mtp_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Multi-token-prediction layers that the checkpoint carries; engines load them only to speculate."""
    default = 1 if text.model_type in _ONE_MTP_LAYER_TYPES else 0
    count = text.integer("num_nextn_predict_layers", "mtp_num_hidden_layers", default=default)
    if not 0 < count <= MOST_LAYERS:
        return ()
    full = [layer for layer in decoder_layers(text) if isinstance(layer.mixer, Attention | Mla)]
    if not full:
        return ()
    # Each carries a projection from two hidden vectors to one, beside a decoder layer.
    hidden = text.integer("hidden_size")
    last = full[-1]
    body = Layer(
        mixer=last.mixer,
        mlp=last.mlp,
        moe=last.moe,
        norms=last.norms + 3,
        extra_params=last.extra_params + 2 * hidden * hidden,
    )
    return (body,) * count


def layer_count(text: ConfigReader) -> int:
    """Number of decoder layers.

    Raises:
        ModelConfigError: the count is missing or absurd.
    """
    count = text.integer("num_hidden_layers", "n_layer", "n_layers", "num_layers")
    if not 0 <= count <= MOST_LAYERS:
        raise ModelConfigError(f"config.json of {text.model_id}: num_hidden_layers {count} is not a layer count")
    return count


def _heads(text: ConfigReader) -> tuple[int, int, int]:
    heads = text.integer("num_attention_heads", "n_head", "n_heads")
    hidden = text.integer("hidden_size", "n_embd", "d_model")
    kv = text.get("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num", "n_kv_heads")
    if text.model_type in {"falcon", "RefinedWeb", "RefinedWebModel"}:
        kv = _falcon_kv_heads(text, heads)
    elif text.model_type == "gpt_bigcode" and text.flag("multi_query", default=True):
        kv = 1
    elif text.model_type == "mpt":
        kv = (text.values.get("attn_config") or {}).get("kv_n_heads")
    elif text.model_type == "chatglm" and not text.flag("multi_query_attention"):
        kv = heads
    kv_heads = int(kv) if isinstance(kv, int | float) and kv else heads
    head_dim = text.get("head_dim", "kv_channels", "attention_head_dim")
    if not isinstance(head_dim, int) or head_dim <= 0:
        head_dim = hidden // heads
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


def _attention(text: ConfigReader, *, window: int | None = None, **changes: Any) -> Attention:
    heads, kv_heads, head_dim = _heads(text)
    values: dict[str, Any] = {
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": head_dim,
        "v_head_dim": head_dim,
        "window": window,
        "qkv_bias": _qkv_bias(text),
        "out_bias": text.model_type in _ALL_BIAS_TYPES or text.model_type == "gpt_oss",
        "qk_norm": _qk_norm(text),
    }
    return Attention(**(values | changes))


def _mla(text: ConfigReader) -> Mla:
    q_rank = text.get("q_lora_rank")
    indexer = None
    if text.has("index_topk") or text.model_type in {"deepseek_v32", "glm_moe_dsa"}:
        indexer = Indexer(
            heads=text.integer("index_n_heads", default=64),
            head_dim=text.integer("index_head_dim", default=128),
            top_k=text.integer("index_topk", default=2048),
        )
    return Mla(
        heads=text.integer("num_attention_heads"),
        q_lora_rank=int(q_rank) if q_rank else None,
        kv_lora_rank=text.integer("kv_lora_rank"),
        qk_nope_head_dim=text.integer("qk_nope_head_dim"),
        qk_rope_head_dim=text.integer("qk_rope_head_dim"),
        v_head_dim=text.integer("v_head_dim"),
        indexer=indexer,
    )


def _mlp(text: ConfigReader, intermediate: int | None = None) -> DenseMlp:
    if intermediate is None:
        intermediate = _intermediate(text)
    kind = text.model_type
    gated = kind not in _UNGATED_TYPES and text.get("hidden_act", "mlp_hidden_act") not in {"relu2", "xielu"}
    bias = kind in _ALL_BIAS_TYPES or text.flag("mlp_bias")
    if kind in {"falcon", "RefinedWeb", "RefinedWebModel"}:
        bias = text.flag("bias")
    elif kind == "gptj":
        bias = True
    return DenseMlp(intermediate=intermediate, gated=gated, bias=bias)


def _intermediate(text: ConfigReader) -> int:
    kind = text.model_type
    hidden = text.integer("hidden_size", "n_embd", "d_model")
    if kind == "mpt":
        return int(float(text.get("expansion_ratio") or 4) * hidden)
    if kind == "qwen":
        # The config gives the sum of gate and up widths.
        return text.integer("intermediate_size") // 2
    if kind in {"gpt2", "gpt_bigcode", "gptj", "bloom", "falcon", "RefinedWeb", "RefinedWebModel"}:
        return text.integer("n_inner", "ffn_hidden_size", "intermediate_size", default=4 * hidden)
    return text.integer("intermediate_size", "ffn_dim", "ffn_hidden_size", "n_inner", default=4 * hidden)


def _norms(text: ConfigReader) -> int:
    kind = text.model_type
    count = 1 if kind in _ONE_NORM_TYPES else 4 if kind in _FOUR_NORM_TYPES else 2
    return count * (2 if kind in _BIASED_NORM_TYPES else 1)


def _windows(text: ConfigReader, count: int) -> list[int | None]:
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


def _moe(text: ConfigReader) -> Moe | None:
    experts = text.get("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
    if isinstance(experts, list):
        experts = experts[0] if experts else 0
    if not isinstance(experts, int) or experts <= 1:
        return None
    kind = text.model_type
    width = text.integer(
        "moe_intermediate_size", "expert_hidden_dim", "expert_ffn_hidden_size", default=_intermediate(text)
    )
    top_k = text.get("num_experts_per_tok", "num_experts_per_token", "moe_topk", "top_k_experts", "moe_k", "moe_top_k")
    if isinstance(top_k, list):
        top_k = top_k[0]
    return Moe(
        experts=experts,
        top_k=int(top_k) if isinstance(top_k, int) else 2,
        intermediate=width,
        gated=text.get("mlp_hidden_act") != "relu2",
        bias=kind == "gpt_oss",
        shared_intermediate=_shared_width(text, width),
        shared_gate=kind in {"qwen2_moe", "qwen3_next", "qwen3_5_moe", "qwen3_5_moe_text"},
        router_bias=_has_router_bias(text),
        latent=text.integer("routed_expert_hidden_size", default=0) or None,
    )


_ROUTER_BIAS_TYPES = frozenset({"glm4_moe", "glm_moe_dsa", "kimi_linear", "minimax_m2", "gpt_oss"})


def _has_router_bias(text: ConfigReader) -> bool:
    return (
        text.get("topk_method") == "noaux_tc"
        or text.flag("use_routing_bias", "moe_router_enable_expert_bias")
        or text.model_type in _ROUTER_BIAS_TYPES
    )


def _shared_width(text: ConfigReader, width: int) -> int:
    explicit = text.get(
        "shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "shared_intermediate_size"
    )
    shared = text.get("n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts")
    if isinstance(shared, list):
        shared = shared[0]
    if isinstance(explicit, int) and explicit > 0:
        return explicit * (shared if isinstance(shared, int) and shared > 1 and text.has("n_shared_experts") else 1)
    return int(shared) * width if isinstance(shared, int | float) and shared else 0


def _is_moe_layer(text: ConfigReader, index: int) -> bool:
    types = text.values.get("mlp_layer_types")
    if isinstance(types, list) and len(types) > index:
        return str(types[index]) != "dense"
    if index in (text.get("mlp_only_layers") or []):
        return False
    pattern = text.values.get("moe_layers_enum")
    if isinstance(pattern, str) and pattern:
        return str(index) in pattern.split(",")
    start = text.integer("first_k_dense_replace", "moe_layer_start_index", default=0)
    if isinstance(start, int) and index < start:
        return False
    frequency = text.get("moe_layer_freq", "decoder_sparse_step", "moe_layer_interval", "interleave_moe_layer_step")
    if isinstance(frequency, list):
        return bool(frequency[index]) if index < len(frequency) else True
    step = int(frequency) if isinstance(frequency, int) and frequency > 0 else 1
    if text.model_type in {
        "qwen2_moe",
        "qwen3_moe",
        "qwen3_next",
        "qwen3_vl_moe_text",
        "llama4",
        "llama4_text",
        "ernie4_5_moe",
    }:
        return (index + 1) % step == 0
    return index % step == 0


def _transformer(text: ConfigReader) -> tuple[Layer, ...]:
    """Softmax attention in every layer: Llama, Mistral, Qwen, Gemma, GPT, DeepSeek and their kin."""
    count = layer_count(text)
    moe = _moe(text)
    norms = _norms(text)
    mla = _mla(text) if text.has("kv_lora_rank") and text.flag("use_mla", default=True) else None
    windows = _windows(text, count)
    mlp = _mlp(text)
    layers = []
    for index in range(count):
        mixer: Attention | Mla = mla if mla is not None else _attention(text, window=windows[index])
        experts = moe if moe is not None and _is_moe_layer(text, index) else None
        layers.append(Layer(mixer=mixer, moe=experts, mlp=None if experts else mlp, norms=norms))
    return _shared(layers)


def _shared(layers: list[Layer]) -> tuple[Layer, ...]:
    """Equal layers become one object, so that per-layer work is done once."""
    seen: dict[Layer, Layer] = {}
    return tuple(seen.setdefault(layer, layer) for layer in layers)


def _gpt_oss(text: ConfigReader) -> tuple[Layer, ...]:
    count = layer_count(text)
    moe = _moe(text)
    windows = _windows(text, count)
    return _shared(
        [Layer(mixer=_attention(text, window=windows[i], sinks=True, qkv_bias=True), moe=moe) for i in range(count)]
    )


def _llama4(text: ConfigReader) -> tuple[Layer, ...]:
    count = layer_count(text)
    width = text.integer("intermediate_size")
    moe = Moe(
        experts=text.integer("num_local_experts"),
        top_k=text.integer("num_experts_per_tok", default=1),
        intermediate=width,
        shared_intermediate=width,
    )
    dense = _mlp(text, text.integer("intermediate_size_mlp", default=width))
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
        mixer = _attention(text, chunk=chunk if local else None, window=None)
        layers.append(Layer(mixer=mixer, moe=moe if sparse else None, mlp=None if sparse else dense))
    return _shared(layers)


def _gemma4(text: ConfigReader) -> tuple[Layer, ...]:
    count = layer_count(text)
    windows = _windows(text, count)
    global_dim = text.integer("global_head_dim", default=0) or None
    global_kv = text.integer("num_global_key_value_heads", default=0) or None
    key_is_value = text.flag("attention_k_eq_v")
    shared = text.integer("num_kv_shared_layers", default=0)
    per_layer = text.integer("hidden_size_per_layer_input", default=0)
    hidden = text.integer("hidden_size")
    moe = _moe(text) if text.flag("enable_moe_block") else None
    layers = []
    for index in range(count):
        changes: dict[str, Any] = {"shares_cache": index >= count - shared}
        if windows[index] is None:
            if global_dim:
                changes |= {"head_dim": global_dim, "v_head_dim": global_dim}
            if key_is_value:
                changes |= {"key_is_value": True, "kv_heads": global_kv or text.integer("num_key_value_heads")}
        width = _intermediate(text)
        if text.flag("use_double_wide_mlp") and index >= count - shared:
            width *= 2
        layers.append(
            Layer(
                mixer=_attention(text, window=windows[index], **changes),
                mlp=_mlp(text, width),
                moe=moe,
                norms=7 if moe else 4,
                extra_params=(2 * hidden * per_layer + hidden if per_layer else 0) + (hidden if moe else 0),
            )
        )
    return _shared(layers)


def _gemma3n(text: ConfigReader) -> tuple[Layer, ...]:
    count = layer_count(text)
    windows = _windows(text, count)
    shared = text.integer("num_kv_shared_layers", default=0)
    hidden = text.integer("hidden_size")
    per_layer = text.integer("hidden_size_per_layer_input", default=0)
    streams = text.integer("altup_num_inputs", default=4)
    laurel = text.integer("laurel_rank", default=64)
    extra = 2 * hidden * laurel + 2 * hidden * per_layer + streams * (hidden + 3 * streams)
    return _shared(
        [
            Layer(
                mixer=_attention(text, window=windows[i], shares_cache=i >= count - shared),
                mlp=_mlp(text),
                norms=7,
                extra_params=extra,
            )
            for i in range(count)
        ]
    )


def _linear_types(text: ConfigReader, count: int, every: int) -> list[str]:
    types = text.values.get("layer_types")
    if isinstance(types, list) and len(types) >= count:
        return [str(item) for item in types[:count]]
    return ["full_attention" if (i + 1) % every == 0 else "linear_attention" for i in range(count)]


def _qwen3_next(text: ConfigReader) -> tuple[Layer, ...]:
    count = layer_count(text)
    types = _linear_types(text, count, text.integer("full_attention_interval", default=4))
    linear = GatedDeltaNet(
        key_heads=text.integer("linear_num_key_heads"),
        value_heads=text.integer("linear_num_value_heads"),
        key_dim=text.integer("linear_key_head_dim"),
        value_dim=text.integer("linear_value_head_dim"),
        conv_kernel=text.integer("linear_conv_kernel_dim", default=4),
    )
    heads, _, head_dim = _heads(text)
    gate = heads * head_dim if text.flag("attn_output_gate", default=True) else 0
    full = _attention(text, gate_dim=gate)
    moe = _moe(text)
    mlp = _mlp(text) if moe is None or text.get("mlp_only_layers") else None
    layers = []
    for index in range(count):
        sparse = moe is not None and _is_moe_layer(text, index)
        layers.append(
            Layer(
                mixer=full if types[index] == "full_attention" else linear,
                moe=moe if sparse else None,
                mlp=None if sparse else mlp or _mlp(text),
            )
        )
    return _shared(layers)


def _kimi_linear(text: ConfigReader) -> tuple[Layer, ...]:
    count = layer_count(text)
    linear = text.values.get("linear_attn_config") or {}
    full = {int(item) - 1 for item in linear.get("full_attn_layers") or []}
    if not full:
        full = {i for i in range(count) if (i + 1) % 4 == 0}
    delta = KimiDelta(
        heads=int(linear.get("num_heads") or text.integer("num_attention_heads")),
        head_dim=int(linear.get("head_dim") or 128),
        conv_kernel=int(linear.get("short_conv_kernel_size") or 4),
    )
    mla = _mla(text)
    moe = _moe(text)
    layers = []
    for index in range(count):
        sparse = moe is not None and _is_moe_layer(text, index)
        mixer = mla if index in full else delta
        layers.append(Layer(mixer=mixer, moe=moe if sparse else None, mlp=None if sparse else _mlp(text)))
    return _shared(layers)


def _mamba2(text: ConfigReader) -> Mamba2:
    hidden = text.integer("hidden_size", "d_model")
    heads = text.integer("mamba_num_heads", "mamba_n_heads", "n_mamba_heads", "num_heads", default=0)
    head_dim = text.integer("mamba_head_dim", "mamba_d_head", "head_dim", default=64)
    inner = text.integer("mamba_d_ssm", default=0)
    if not inner:
        expand = text.get("mamba_expand", "expand")
        inner = heads * head_dim if heads else int(float(expand or 2) * hidden)
    if not heads:
        heads = inner // head_dim
    return Mamba2(
        inner=inner,
        heads=heads,
        head_dim=inner // heads,
        groups=text.integer("n_groups", "mamba_n_groups", "mamba_ngroups", default=1),
        state=text.integer("ssm_state_size", "mamba_d_state", "state_size", default=128),
        conv_kernel=text.integer("conv_kernel", "mamba_d_conv", default=4),
        conv_bias=text.flag("use_conv_bias", "mamba_conv_bias", default=True),
        proj_bias=text.flag("mamba_proj_bias", "use_bias"),
    )


def _mamba1(text: ConfigReader) -> Mamba1:
    hidden = text.integer("hidden_size", "d_model")
    inner = text.integer("mamba_expand", "expand", default=2) * hidden
    rank = text.get("mamba_dt_rank", "time_step_rank")
    return Mamba1(
        inner=text.integer("intermediate_size", default=inner) if text.model_type != "jamba" else inner,
        state=text.integer("mamba_d_state", "state_size", default=16),
        conv_kernel=text.integer("mamba_d_conv", "conv_kernel", default=4),
        dt_rank=int(rank) if isinstance(rank, int) else -(-hidden // 16),
        conv_bias=text.flag("mamba_conv_bias", "use_conv_bias", default=True),
        proj_bias=text.flag("mamba_proj_bias", "use_bias"),
        inner_norms=text.model_type == "jamba",
    )


def _nemotron_h(text: ConfigReader) -> tuple[Layer, ...]:
    pattern = text.values.get("hybrid_override_pattern")
    if not pattern:
        names = {"mamba": "M", "attention": "*", "mlp": "-", "moe": "E"}
        pattern = "".join(names.get(str(item), "-") for item in text.get("layers_block_type") or [])
    attention = _attention(text, qkv_bias=text.flag("attention_bias"), qk_norm=QkNorm.NONE)
    mamba = _mamba2(text)
    dense = DenseMlp(intermediate=_intermediate(text), gated=False, bias=text.flag("mlp_bias"))
    layers = []
    for mark in str(pattern):
        if mark == "M":
            layers.append(Layer(mixer=mamba, norms=1))
        elif mark == "*":
            layers.append(Layer(mixer=attention, norms=1))
        elif mark == "E":
            layers.append(Layer(mixer=None, moe=_nemotron_moe(text), norms=1))
        else:
            layers.append(Layer(mixer=None, mlp=dense, norms=1))
    return _shared(layers)


def _nemotron_moe(text: ConfigReader) -> Moe:
    width = text.integer("moe_intermediate_size")
    latent = text.integer("moe_latent_size", default=0) or None
    shared = text.integer("moe_shared_expert_intermediate_size", default=width)
    return Moe(
        experts=text.integer("n_routed_experts"),
        top_k=text.integer("num_experts_per_tok"),
        intermediate=width,
        gated=False,
        shared_intermediate=shared * text.integer("n_shared_experts", default=1),
        router_bias=True,
        latent=latent,
    )


def _jamba(text: ConfigReader) -> tuple[Layer, ...]:
    count = layer_count(text)
    period, offset = text.integer("attn_layer_period", default=8), text.integer("attn_layer_offset", default=4)
    expert_period = text.integer("expert_layer_period", default=2)
    expert_offset = text.integer("expert_layer_offset", default=1)
    moe = _moe(text)
    mamba = _mamba1(text)
    layers = []
    for index in range(count):
        mixer = _attention(text) if index % period == offset else mamba
        sparse = moe is not None and index % expert_period == expert_offset
        layers.append(Layer(mixer=mixer, moe=moe if sparse else None, mlp=None if sparse else _mlp(text)))
    return _shared(layers)


def _mamba_hybrid(text: ConfigReader) -> tuple[Layer, ...]:
    """Bamba, Granite 4 hybrid: Mamba-2 with attention layers named in the config, an MLP or experts in each."""
    count = layer_count(text)
    types = text.values.get("layer_types") or text.values.get("layers_block_type")
    attention_at = set(text.values.get("attn_layer_indices") or [])
    moe = _moe(text)
    shared = text.integer("shared_intermediate_size", default=0)
    layers = []
    for index in range(count):
        full = str(types[index]) == "attention" if isinstance(types, list) else index in attention_at
        mixer = _attention(text) if full else _mamba2(text)
        mlp = DenseMlp(intermediate=shared) if moe is None and shared else None if moe else _mlp(text)
        layers.append(Layer(mixer=mixer, moe=moe, mlp=mlp))
    return _shared(layers)


def _falcon_h1(text: ConfigReader) -> tuple[Layer, ...]:
    layer = Layer(mixer=_attention(text), second_mixer=_mamba2(text), mlp=_mlp(text))
    return (layer,) * layer_count(text)


def _pure_mamba(text: ConfigReader) -> tuple[Layer, ...]:
    mixer = _mamba2(text) if text.model_type == "mamba2" else _mamba1(text)
    return (Layer(mixer=mixer, norms=1),) * layer_count(text)


def _lfm2(text: ConfigReader) -> tuple[Layer, ...]:
    count = layer_count(text)
    types = text.values.get("layer_types")
    full_at = set(text.values.get("full_attn_idxs") or [])
    hidden = text.integer("hidden_size")
    conv = ShortConv(dim=text.integer("conv_dim", default=hidden), conv_kernel=text.integer("conv_L_cache", default=3))
    width = text.integer("intermediate_size", "block_ff_dim", default=4 * hidden)
    if text.flag("block_auto_adjust_ff_dim", default=True):
        width = int(2 * width / 3)
        multiple = text.integer("block_multiple_of", default=256)
        width = int(float(text.get("block_ffn_dim_multiplier") or 1.0) * width)
        width = multiple * -(-width // multiple)
    if text.model_type == "lfm2_moe":
        width = text.integer("intermediate_size")
    moe = _moe(text) if text.model_type == "lfm2_moe" else None
    dense_first = text.integer("num_dense_layers", default=0)
    layers = []
    for index in range(count):
        full = str(types[index]) == "full_attention" if isinstance(types, list) else index in full_at
        sparse = moe is not None and index >= dense_first
        layers.append(
            Layer(
                mixer=_attention(text) if full else conv,
                moe=moe if sparse else None,
                mlp=None if sparse else DenseMlp(intermediate=width),
            )
        )
    return _shared(layers)


def _minimax_text(text: ConfigReader) -> tuple[Layer, ...]:
    count = layer_count(text)
    types = text.values.get("attn_type_list") or text.values.get("layer_types") or []
    heads, _, head_dim = _heads(text)
    linear = LightningAttention(heads=heads, head_dim=head_dim)
    moe = _moe(text)
    layers = []
    for index in range(count):
        mark = types[index] if index < len(types) else 0
        full = mark in {1, "full_attention"}
        layers.append(Layer(mixer=_attention(text) if full else linear, moe=moe, mlp=None if moe else _mlp(text)))
    return _shared(layers)


def _mllama(text: ConfigReader) -> tuple[Layer, ...]:
    count = layer_count(text)
    cross_at = set(text.get("cross_attention_layers") or [3, 8, 13, 18, 23, 28, 33, 38])
    self_layer = Layer(mixer=_attention(text), mlp=_mlp(text))
    cross = Layer(mixer=_attention(text, cross=True, qk_norm=QkNorm.PER_HEAD), mlp=_mlp(text), norms=2, extra_params=2)
    return tuple(cross if index in cross_at else self_layer for index in range(count))


def _nemotron_nas(text: ConfigReader) -> tuple[Layer, ...]:
    """Puzzle models: each block has its own head grouping and feed-forward width, or none."""
    hidden = text.integer("hidden_size")
    heads = text.integer("num_attention_heads")
    layers = []
    for block in text.values.get("block_configs") or []:
        attention, ffn = block.get("attention") or {}, block.get("ffn") or {}
        mixer = None
        if not attention.get("no_op") and not attention.get("replace_with_linear"):
            group = int(attention.get("n_heads_in_group") or 1)
            mixer = _attention(text, kv_heads=heads // group)
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
    return _shared(layers)


def _mimo_v2(text: ConfigReader) -> tuple[Layer, ...]:
    count = layer_count(text)
    pattern = text.values.get("hybrid_layer_pattern") or [0] * count
    window = text.integer("sliding_window_size", "sliding_window", default=128)
    moe = _moe(text)
    layers = []
    for index in range(count):
        local = bool(pattern[index]) if index < len(pattern) else False
        prefix = "swa_" if local else ""
        heads = text.integer(f"{prefix}num_attention_heads", "num_attention_heads")
        head_dim = text.integer(f"{prefix}head_dim", "head_dim")
        mixer = _attention(
            text,
            window=window if local else None,
            heads=heads,
            kv_heads=text.integer(f"{prefix}num_key_value_heads", "num_key_value_heads"),
            head_dim=head_dim,
            v_head_dim=text.integer(f"{prefix}v_head_dim", "v_head_dim", default=head_dim),
            sinks=local,
        )
        sparse = moe is not None and _is_moe_layer(text, index)
        layers.append(Layer(mixer=mixer, moe=moe if sparse else None, mlp=None if sparse else _mlp(text)))
    return _shared(layers)


def _dbrx(text: ConfigReader) -> tuple[Layer, ...]:
    ffn = text.values.get("ffn_config") or {}
    attention = text.values.get("attn_config") or {}
    moe = Moe(
        experts=int(ffn.get("moe_num_experts") or 16),
        top_k=int(ffn.get("moe_top_k") or 4),
        intermediate=int(ffn.get("ffn_hidden_size") or 10752),
    )
    kv_heads = int(attention.get("kv_n_heads") or 8)
    return (Layer(mixer=_attention(text, kv_heads=kv_heads), moe=moe),) * layer_count(text)


_BUILDERS: dict[str, Callable[[ConfigReader], tuple[Layer, ...]]] = {
    "gpt_oss": _gpt_oss,
    "llama4": _llama4,
    "llama4_text": _llama4,
    "gemma4": _gemma4,
    "gemma4_text": _gemma4,
    "gemma3n": _gemma3n,
    "gemma3n_text": _gemma3n,
    "qwen3_next": _qwen3_next,
    "qwen3_5": _qwen3_next,
    "qwen3_5_text": _qwen3_next,
    "qwen3_5_moe": _qwen3_next,
    "qwen3_5_moe_text": _qwen3_next,
    "kimi_linear": _kimi_linear,
    "nemotron_h": _nemotron_h,
    "jamba": _jamba,
    "bamba": _mamba_hybrid,
    "granitemoehybrid": _mamba_hybrid,
    "falcon_h1": _falcon_h1,
    "mamba": _pure_mamba,
    "mamba2": _pure_mamba,
    "falcon_mamba": _pure_mamba,
    "lfm2": _lfm2,
    "lfm2_moe": _lfm2,
    "minimax": _minimax_text,
    "minimax_text_01": _minimax_text,
    "minimax_m1": _minimax_text,
    "mllama": _mllama,
    "mllama_text_model": _mllama,
    "nemotron-nas": _nemotron_nas,
    "mimo_v2_flash": _mimo_v2,
    "dbrx": _dbrx,
}
