"""Step 3.5 and 3.7: more query heads in window layers, gates of heads, dense drafting layers and a perception encoder.

Shapes follow ``vllm/model_executor/models/step3p5.py``, step3p5_mtp.py, step3p7.py and step_vl.py 0.33.0.
"""

from __future__ import annotations

from collections.abc import Mapping

from llminfra.catalog.models.blocks.attention import layer_count, read_attention, read_heads, read_windows
from llminfra.catalog.models.blocks.audio import block_params
from llminfra.catalog.models.blocks.feed_forward import is_moe_layer, read_mlp, read_moe
from llminfra.catalog.models.config_reader import ConfigReader
from llminfra.catalog.models.facts import EncoderFacts, Layer
from llminfra.catalog.models.families.softmax import share_equal
from llminfra.catalog.models.mixers import Attention

STEP_TYPES = frozenset({"step3p5", "step3p7"})
_PROJECTOR_CONVOLUTION = 3 * 3


def step_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Window and full layers with their own query heads, experts behind the first dense layers."""
    count = layer_count(text)
    moe = read_moe(text)
    layers = []
    for index, window in enumerate(read_windows(text, count)):
        sparse = moe is not None and is_moe_layer(text, index)
        layers.append(
            Layer(
                mixer=_attention(text, window),
                moe=moe if sparse else None,
                mlp=None if sparse else read_mlp(text),
            )
        )
    return share_equal(layers)


def step_mtp(text: ConfigReader, count: int) -> tuple[Layer, ...]:
    """Drafting layers: a window, a dense feed-forward block, a projection from two hidden vectors and a head each."""
    hidden = text.integer("hidden_size")
    body = Layer(
        mixer=_attention(text, text.integer("sliding_window")),
        mlp=read_mlp(text),
        norms=5,
        extra_params=2 * hidden * hidden + text.integer("vocab_size") * hidden,
    )
    return (body,) * count


def _attention(text: ConfigReader, window: int | None) -> Attention:
    heads, _, _ = read_heads(text)
    if window is not None:
        # Configs of the makers' own code have the window's heads in an object.
        other = text.values.get("attention_other_setting")
        own = other.get("num_attention_heads") if isinstance(other, Mapping) else None
        heads = text.integer("num_sliding_attention_heads", default=own if isinstance(own, int) else heads)
    gate = heads if text.flag("use_head_wise_attn_gate") else 0
    return read_attention(text, window=window, heads=heads, gate_dim=gate)


def step_tower(_top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    """A ViT whose parts are scaled by layer, and two convolutions that halve the grid and double the width."""
    hidden = vision.integer("width", "hidden_size", default=1536)
    width = vision.integer("intermediate_size", default=int(hidden * float(vision.get("mlp_ratio") or 8960 / 1536)))
    depth = vision.integer("layers", "num_hidden_layers", default=47)
    patch = vision.integer("patch_size", default=14)
    side = vision.integer("image_size", default=728) // patch
    sharded, replicated = block_params(hidden, width, gated=False)
    halving = _PROJECTOR_CONVOLUTION * (2 * hidden**2 + 8 * hidden**2) + 6 * hidden
    return EncoderFacts(
        kind="step3p7",
        sharded_params=depth * sharded + 4 * hidden * text_hidden,
        replicated_params=depth * (replicated + 2 * hidden) + (3 * patch**2 + side**2 + 2) * hidden + halving,
        # The whole picture at most, and tiles of 504 beside it: 169 tokens and 81 for each.
        max_tokens=169,
        hidden=hidden,
        intermediate=width,
        patch_merge=16,
    )
