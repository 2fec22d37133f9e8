"""Muse Glimmer: Llama layers with an output gate and four norms, and a tower whose feed-forward parts are not cut.

Shapes follow ``vllm/model_executor/models/muse_glimmer.py`` 0.33.0.
"""

from __future__ import annotations

from llminfra.catalog.models.blocks.attention import layer_count, read_attention, read_heads, read_windows
from llminfra.catalog.models.blocks.feed_forward import read_mlp
from llminfra.catalog.models.config_reader import ConfigReader
from llminfra.catalog.models.facts import EncoderFacts, Layer
from llminfra.catalog.models.families.softmax import share_equal

LONGEST_VIDEO_TOKENS = 96 // 2 * 144
"""Frames in pairs, and tokens of each pair (``MuseGlimmerVideoProcessor`` of
vllm/transformers_utils/processors/muse_glimmer.py 0.28.0); the largest image has 4,096."""
MUSE_TYPES = frozenset({"muse_glimmer", "muse_glimmer_text"})


def muse_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Three windows and one full layer in turn; the norms of queries and keys have no weights."""
    count = layer_count(text)
    windows = read_windows(text, count)
    heads, _, head_dim = read_heads(text)
    return share_equal(
        [
            Layer(mixer=read_attention(text, window=window, gate_dim=heads * head_dim), mlp=read_mlp(text), norms=4)
            for window in windows
        ]
    )


def muse_tower(top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    """Attention is cut; feed-forward parts, patches, positions and the adapter are plain ``nn.Linear``."""
    hidden = vision.integer("hidden_size", default=1536)
    width = vision.integer("intermediate_size", default=8960)
    depth = vision.integer("num_hidden_layers", default=50)
    merge = vision.integer("merge_size", default=2) ** 2
    patch = 3 * vision.integer("patch_temporal", default=2) * vision.integer("patch_size", default=14) ** 2
    positions = vision.integer("pos_emb_height", default=32) * vision.integer("pos_emb_width", default=32)
    projector = top.integer("projector_hidden_size", default=text_hidden)
    adapter = top.integer("out_hidden_size", default=hidden * merge) * projector + projector**2
    attention, feed_forward = 4 * hidden**2 + 3 * hidden, 2 * hidden * width + width + hidden
    return EncoderFacts(
        kind="muse_glimmer",
        sharded_params=depth * attention,
        replicated_params=depth * (feed_forward + 5 * hidden) + (patch + positions + 2) * hidden + adapter,
        max_tokens=LONGEST_VIDEO_TOKENS,
        hidden=hidden,
        intermediate=width,
        patch_merge=merge,
    )
