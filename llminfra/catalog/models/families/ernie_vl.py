"""ERNIE 4.5 VL: two sets of experts in a layer, one for text and one for images, and the tower with its resampler.

Shapes follow ``vllm/model_executor/models/ernie45_vl_moe.py`` and ``ernie45_vl.py`` 0.33.0.
"""

from __future__ import annotations

from llminfra.catalog.models.blocks.attention import layer_count, read_attention, read_norms
from llminfra.catalog.models.blocks.audio import block_params
from llminfra.catalog.models.blocks.feed_forward import read_mlp
from llminfra.catalog.models.config_reader import ConfigReader
from llminfra.catalog.models.facts import EncoderFacts, Layer, Moe
from llminfra.catalog.models.families.softmax import share_equal

ERNIE_VL_TYPES = frozenset({"ernie4_5_moe_vl", "ernie4_5_vl_moe"})


def ernie_vl_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Llama attention; from ``moe_layer_start_index`` on the experts of both kinds, which are as many as each other.

    A token goes to experts of one kind. Both kinds are in memory, so one expert here is as wide as one of each.
    """
    widths = _pair(text, "moe_intermediate_size")
    starts = _pair(text, "moe_layer_start_index")
    moe = Moe(
        experts=_pair(text, "moe_num_experts")[0],
        top_k=text.integer("moe_k", default=6),
        intermediate=sum(widths),
        shared_intermediate=widths[0] * text.integer("moe_num_shared_experts", default=0),
        router_bias=True,
    )
    norms, dense = read_norms(text), read_mlp(text, None)
    return share_equal(
        [
            Layer(
                mixer=read_attention(text, window=None),
                moe=moe if index >= min(starts) else None,
                mlp=None if index >= min(starts) else dense,
                norms=norms,
            )
            for index in range(layer_count(text))
        ]
    )


def ernie_vl_tower(top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    """A plain ViT and the resampler, which joins 2x2 patches and two frames."""
    hidden = vision.integer("embed_dim", "hidden_size", default=1280)
    width = int(hidden * float(vision.get("mlp_ratio") or 4))
    depth = vision.integer("depth", default=32)
    sharded, replicated = block_params(hidden, width, gated=False)
    merge = top.integer("spatial_conv_size", default=2) ** 2
    spatial = hidden * merge
    frames = top.integer("temporal_conv_size", default=2) if top.flag("use_temporal_conv", default=True) else 0
    resampler = (2 + (frames + 1 if frames else 0)) * spatial**2 + spatial * text_hidden
    patch = vision.integer("in_channels", "in_chans", default=3) * vision.integer("patch_size", default=14) ** 2
    return EncoderFacts(
        kind="ernie_vl",
        sharded_params=depth * sharded + resampler,
        replicated_params=depth * replicated + patch * hidden + 2 * hidden,
        max_tokens=16384,
        hidden=hidden,
        intermediate=width,
        patch_merge=merge,
    )


def _pair(text: ConfigReader, key: str) -> tuple[int, int]:
    """Text and image; one number stands for both."""
    value = text.get(key)
    if isinstance(value, list) and len(value) > 1:
        return int(value[0]), int(value[1])
    number = text.integer(key)
    return number, number
