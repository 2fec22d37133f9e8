"""Towers of Gemma 4, and how many tokens its largest item has."""

from __future__ import annotations

from llminfra.catalog.models.blocks.audio import block_params
from llminfra.catalog.models.config_reader import ConfigReader
from llminfra.catalog.models.facts import EncoderFacts

VIDEO_TOKENS = 32 * (70 + 2 + 6)
"""Of the longest video of Gemma 4: frames times the tokens of each, two marks and the time (gemma4_mm.py 0.19-0.33)."""


def _whole_items(top: ConfigReader) -> int:
    """Tokens of the largest item of a model whose decoder looks at images in both directions.

    ``Gemma4ModelArchConfigConvertor.is_mm_prefix_lm`` of vllm/transformers_utils/model_arch_config_convertor.py 0.20.0.
    """
    text = top.sub("text_config")
    return VIDEO_TOKENS if text is not None and text.get("use_bidirectional_attention") == "vision" else 0


def gemma4(top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    """VLLM runs this tower through transformers, unsharded."""
    hidden = vision.integer("hidden_size", default=1152)
    width = vision.integer("intermediate_size", default=4304)
    depth = vision.integer("num_hidden_layers", default=27)
    sharded, replicated = block_params(hidden, width, gated=True, bias=False)
    patch = vision.integer("patch_size", default=16)
    positions = vision.integer("position_embedding_size", default=10240)
    total = depth * (sharded + replicated) + 3 * patch * patch * hidden + 2 * positions * hidden
    return EncoderFacts(
        kind="gemma4_vision",
        gated=True,
        batch_tokens=_whole_items(top),
        sharded_params=0,
        replicated_params=total + hidden * text_hidden,
        max_tokens=vision.integer("default_output_length", default=280),
        hidden=hidden,
        intermediate=width,
        patch_merge=vision.integer("pooling_kernel_size", default=3) ** 2,
    )


def gemma4_unified(top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    """No tower: patches go through one matrix into the decoder (vllm/model_executor/models/gemma4_unified.py)."""
    hidden = vision.integer("mm_embed_dim", default=text_hidden)
    side = vision.integer("patch_size", default=16) * vision.integer("pooling_kernel_size", default=3)
    patch = 3 * side * side
    positions = 2 * vision.integer("mm_posemb_size", default=1120) * hidden
    return EncoderFacts(
        kind="gemma4_unified_vision",
        batch_tokens=_whole_items(top),
        sharded_params=(patch + 1) * hidden,
        replicated_params=2 * patch + 4 * hidden + positions + hidden * text_hidden,
        max_tokens=vision.integer("num_soft_tokens", default=280),
        hidden=hidden,
    )
