"""Decoder layers of the families with recurrent layers: state space, linear attention, short convolution."""

from __future__ import annotations

from llminfra.catalog.models.blocks.attention import layer_count, read_attention, read_heads, read_mla
from llminfra.catalog.models.blocks.feed_forward import is_moe_layer, read_intermediate, read_mlp, read_moe
from llminfra.catalog.models.config_reader import ConfigReader, ModelConfigError
from llminfra.catalog.models.facts import DenseMlp, Layer, Moe
from llminfra.catalog.models.families.softmax import share_equal
from llminfra.catalog.models.mixers import (
    GatedDeltaNet,
    KimiDelta,
    LightningAttention,
    Mamba1,
    Mamba2,
    QkNorm,
    ShortConv,
)


def _linear_types(text: ConfigReader, count: int, every: int) -> list[str]:
    types = text.values.get("layer_types")
    if isinstance(types, list) and len(types) >= count:
        return [str(item) for item in types[:count]]
    return ["full_attention" if (i + 1) % every == 0 else "linear_attention" for i in range(count)]


def qwen3_next_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Gated delta networks with full attention in between (Qwen3-Next, Qwen3.5 and later)."""
    count = layer_count(text)
    types = _linear_types(text, count, text.integer("full_attention_interval", default=4))
    linear = GatedDeltaNet(
        key_heads=text.integer("linear_num_key_heads"),
        value_heads=text.integer("linear_num_value_heads"),
        key_dim=text.integer("linear_key_head_dim"),
        value_dim=text.integer("linear_value_head_dim"),
        conv_kernel=text.integer("linear_conv_kernel_dim", default=4),
    )
    heads, _, head_dim = read_heads(text)
    gate = heads * head_dim if text.flag("attn_output_gate", default=True) else 0
    full = read_attention(text, gate_dim=gate)
    moe = read_moe(text)
    mlp = read_mlp(text) if moe is None or text.get("mlp_only_layers") else None
    layers = []
    for index in range(count):
        sparse = moe is not None and is_moe_layer(text, index)
        layers.append(
            Layer(
                mixer=full if types[index] == "full_attention" else linear,
                moe=moe if sparse else None,
                mlp=None if sparse else mlp or read_mlp(text),
            )
        )
    return share_equal(layers)


def kimi_linear_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Kimi delta attention with latent attention in between."""
    count = layer_count(text)
    linear = text.values.get("linear_attn_config") or {}
    full = {int(item) - 1 for item in linear.get("full_attn_layers") or []}
    if not full:
        full = {i for i in range(count) if (i + 1) % 4 == 0}
    delta = KimiDelta(
        heads=int(linear.get("num_heads") or text.integer("num_attention_heads")),
        head_dim=int(linear.get("head_dim") or 128),
        conv_kernel=int(linear.get("short_conv_kernel_size") or 4),
        full_gate=bool(linear.get("use_full_rank_gate")),
    )
    mla = read_mla(text)
    moe = read_moe(text)
    layers = []
    for index in range(count):
        sparse = moe is not None and is_moe_layer(text, index)
        mixer = mla if index in full else delta
        layers.append(Layer(mixer=mixer, moe=moe if sparse else None, mlp=None if sparse else read_mlp(text)))
    return share_equal(layers)


def glm_next_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Kimi delta attention with sparse latent attention in between, and hyper-connections (GLM-5.3-Flash).

    Shapes follow ``vllm/models/glm5next/common`` 0.30.0 to 0.33.0: model.py, kda.py and attention.py.

    Raises:
        ModelConfigError: ``layer_types`` does not say of every layer which of the two it has.
    """
    count = layer_count(text)
    types = [str(item) for item in text.values.get("layer_types") or []][:count]
    sparse = {"deepseek_sparse_attention", "full_attention"}
    if len(types) < count or not set(types) <= {"linear_attention", *sparse}:
        raise ModelConfigError(
            f"config.json of {text.model_id}: layer_types is {types!r}, expected linear_attention or"
            f" deepseek_sparse_attention for each of {count} layers"
        )
    linear = text.sub("linear_attn_config") or text
    delta = KimiDelta(
        heads=linear.integer("num_heads", "linear_num_heads"),
        head_dim=linear.integer("head_dim", "linear_head_dim"),
        conv_kernel=linear.integer("short_conv_kernel_size", "linear_conv_kernel_dim"),
        plain=True,
    )
    mla, moe = read_mla(text), read_moe(text)
    streams = text.integer("hc_mult") if text.flag("mhc", default=True) else 1
    # Before attention and before the feed-forward block: a matrix, its base and three scales, in fp32.
    width = (2 + streams) * streams
    mixing = 2 * (width * streams * text.integer("hidden_size") + width + 3) if streams > 1 else 0
    layers = []
    for index, name in enumerate(types):
        routed = moe is not None and is_moe_layer(text, index)
        layers.append(
            Layer(
                mixer=mla if name in sparse else delta,
                moe=moe if routed else None,
                mlp=None if routed else read_mlp(text),
                extra_fp32=mixing,
                streams=streams,
            )
        )
    return share_equal(layers)


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


def nemotron_h_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """One mixer or feed-forward block a layer, by the pattern string."""
    pattern = text.values.get("hybrid_override_pattern")
    if not pattern:
        names = {"mamba": "M", "attention": "*", "mlp": "-", "moe": "E"}
        pattern = "".join(names.get(str(item), "-") for item in text.get("layers_block_type") or [])
    attention = read_attention(text, qkv_bias=text.flag("attention_bias"), qk_norm=QkNorm.NONE)
    mamba = _mamba2(text)
    dense = DenseMlp(intermediate=read_intermediate(text), gated=False, bias=text.flag("mlp_bias"))
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
    return share_equal(layers)


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


def jamba_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Mamba with attention and experts at fixed periods."""
    count = layer_count(text)
    period, offset = text.integer("attn_layer_period", default=8), text.integer("attn_layer_offset", default=4)
    expert_period = text.integer("expert_layer_period", default=2)
    expert_offset = text.integer("expert_layer_offset", default=1)
    moe = read_moe(text)
    mamba = _mamba1(text)
    layers = []
    for index in range(count):
        mixer = read_attention(text) if index % period == offset else mamba
        sparse = moe is not None and index % expert_period == expert_offset
        layers.append(Layer(mixer=mixer, moe=moe if sparse else None, mlp=None if sparse else read_mlp(text)))
    return share_equal(layers)


def mamba_hybrid_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Bamba, Granite 4 hybrid: Mamba-2 with attention layers named in the config, an MLP or experts in each."""
    count = layer_count(text)
    types = text.values.get("layer_types") or text.values.get("layers_block_type")
    attention_at = set(text.values.get("attn_layer_indices") or [])
    moe = read_moe(text)
    shared = text.integer("shared_intermediate_size", default=0)
    layers = []
    for index in range(count):
        full = str(types[index]) == "attention" if isinstance(types, list) else index in attention_at
        mixer = read_attention(text) if full else _mamba2(text)
        mlp = DenseMlp(intermediate=shared) if moe is None and shared else None if moe else read_mlp(text)
        layers.append(Layer(mixer=mixer, moe=moe, mlp=mlp))
    return share_equal(layers)


def falcon_h1_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Attention and Mamba-2 side by side in every layer."""
    layer = Layer(mixer=read_attention(text), second_mixer=_mamba2(text), mlp=read_mlp(text))
    return (layer,) * layer_count(text)


def pure_mamba_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Mamba alone."""
    mixer = _mamba2(text) if text.model_type == "mamba2" else _mamba1(text)
    return (Layer(mixer=mixer, norms=1),) * layer_count(text)


def lfm2_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Short convolutions with attention in between."""
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
    moe = read_moe(text) if text.model_type == "lfm2_moe" else None
    dense_first = text.integer("num_dense_layers", default=0)
    layers = []
    for index in range(count):
        full = str(types[index]) == "full_attention" if isinstance(types, list) else index in full_at
        sparse = moe is not None and index >= dense_first
        layers.append(
            Layer(
                mixer=read_attention(text) if full else conv,
                moe=moe if sparse else None,
                mlp=None if sparse else DenseMlp(intermediate=width),
            )
        )
    return share_equal(layers)


def minimax_text_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Lightning attention with softmax attention in between."""
    count = layer_count(text)
    types = text.values.get("attn_type_list") or text.values.get("layer_types") or []
    heads, _, head_dim = read_heads(text)
    linear = LightningAttention(heads=heads, head_dim=head_dim)
    moe = read_moe(text)
    layers = []
    for index in range(count):
        mark = types[index] if index < len(types) else 0
        full = mark in {1, "full_attention"}
        layers.append(
            Layer(mixer=read_attention(text) if full else linear, moe=moe, mlp=None if moe else read_mlp(text))
        )
    return share_equal(layers)
