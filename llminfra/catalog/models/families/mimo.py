"""MiMo-V2: window and full layers with their own heads, a drafting layer that is dense, and the towers of its makers.

Shapes follow ``vllm/model_executor/models/mimo_v2.py``, mimo_v2_mtp.py and mimo_v2_omni.py 0.33.0, and the tensors of
XiaomiMiMo/MiMo-V2.5 (github-text:62758385424).
"""

from __future__ import annotations

from msgspec.structs import replace

from llminfra.catalog.models.blocks.attention import layer_count, read_attention
from llminfra.catalog.models.blocks.feed_forward import is_moe_layer, read_mlp, read_moe
from llminfra.catalog.models.config_reader import ConfigReader
from llminfra.catalog.models.facts import EncoderFacts, Layer
from llminfra.catalog.models.families.softmax import share_equal
from llminfra.catalog.models.mixers import Attention

MIMO_V2_TYPES = frozenset({"mimo_v2", "mimo_v2_flash"})


def mimo_v2_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Window and full layers with their own heads."""
    count = layer_count(text)
    pattern = text.values.get("hybrid_layer_pattern") or [0] * count
    moe = read_moe(text)
    if moe is not None:
        moe = replace(moe, router_bias=True)
    layers = []
    for index in range(count):
        local = bool(pattern[index]) if index < len(pattern) else False
        sparse = moe is not None and is_moe_layer(text, index)
        layers.append(
            Layer(
                mixer=_attention(text, local=local),
                moe=moe if sparse else None,
                mlp=None if sparse else read_mlp(text),
            )
        )
    return share_equal(layers)


def mimo_v2_mtp(text: ConfigReader) -> tuple[Layer, ...]:
    """The first of three drafting layers, the only one that vLLM loads: a window and a dense feed-forward block."""
    hidden = text.integer("hidden_size")
    return (
        Layer(
            mixer=_attention(text, local=True),
            mlp=read_mlp(text),
            norms=5,
            extra_params=2 * hidden * hidden,
        ),
    )


def _attention(text: ConfigReader, *, local: bool) -> Attention:
    prefix = "swa_" if local else ""
    head_dim = text.integer(f"{prefix}head_dim", "head_dim")
    return read_attention(
        text,
        window=text.integer("sliding_window_size", "sliding_window", default=128) if local else None,
        heads=text.integer(f"{prefix}num_attention_heads", "num_attention_heads"),
        kv_heads=text.integer(f"{prefix}num_key_value_heads", "num_key_value_heads"),
        head_dim=head_dim,
        v_head_dim=text.integer(f"{prefix}v_head_dim", "v_head_dim", default=head_dim),
        sinks=local,
    )


def mimo_v2_tower(_top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    """Qwen2.5-VL's tower with fewer heads of keys and values, and heads that are wider together than the tower."""
    hidden = vision.integer("hidden_size", default=1280)
    width = vision.integer("intermediate_size", default=4608)
    depth = vision.integer("depth", default=28)
    head_dim = vision.integer("qk_channels", default=64)
    queries = vision.integer("num_heads", default=32) * head_dim
    keys = vision.integer("num_key_value_heads", default=8) * head_dim
    fused = queries + 2 * keys
    merge = vision.integer("spatial_merge_size", default=2) ** 2
    patch = 3 * vision.integer("temporal_patch_size", default=2) * vision.integer("patch_size", default=16) ** 2
    block = fused * (hidden + 1) + queries * hidden + 3 * hidden * width + 2 * width
    merger = (hidden * merge) ** 2 + hidden * merge * vision.integer("out_hidden_size", default=text_hidden)
    return EncoderFacts(
        kind="mimo_v2",
        gated=True,
        sharded_params=depth * block + merger,
        replicated_params=depth * 4 * hidden + (patch + 1) * hidden,
        max_tokens=8192,
        hidden=hidden,
        intermediate=width,
        patch_merge=merge,
    )


def mimo_v2_audio(audio: ConfigReader, text_hidden: int) -> EncoderFacts:
    """A decoder's layers over groups of speech codes, a table for each channel of them, and a projection."""
    hidden = audio.integer("input_local_dim", default=1024)
    width = audio.integer("input_local_intermediate_size", default=4 * hidden)
    block = 4 * hidden**2 + 3 * hidden * width + 5 * hidden
    group = audio.integer("group_size", default=4) * hidden
    projection = 4 * group * group + 4 * group * audio.integer("out_hidden_size", default=text_hidden)
    # A text: one number for all channels, or one for each with hyphens between them.
    rows = [int(item) for item in str(audio.get("speech_vocab_size") or 1280).split("-")]
    tables = (sum(rows) if len(rows) > 1 else rows[0] * audio.integer("audio_channels", default=20)) * hidden
    return EncoderFacts(
        kind="mimo_v2_audio",
        sharded_params=0,
        replicated_params=audio.integer("input_local_layers", default=6) * block + hidden + projection + tables,
        max_tokens=750,
        hidden=hidden,
        intermediate=width,
    )
