"""MiniCPM-V 4.6: a SigLIP tower that joins windows of four patches twice, inside the tower and behind it.

Shapes follow ``vllm/model_executor/models/minicpmv4_6.py`` 0.33.0.
"""

from __future__ import annotations

from llminfra.catalog.models.blocks.audio import block_params
from llminfra.catalog.models.config_reader import ConfigReader
from llminfra.catalog.models.facts import EncoderFacts

_WINDOW = 4


def minicpm_v46_tower(_top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    """Both mergers are plain ``nn.Linear``, so that every rank holds them; the inner one attends in its windows."""
    hidden = vision.integer("hidden_size", default=1152)
    width = vision.integer("intermediate_size", default=4304)
    depth = vision.integer("num_hidden_layers", default=27)
    patch = vision.integer("patch_size", default=14)
    side = vision.integer("image_size", default=980) // patch
    sharded, replicated = block_params(hidden, width, gated=False)
    joined = _WINDOW * hidden
    attention = 4 * hidden**2 + 6 * hidden
    inner = joined * _WINDOW * width + _WINDOW * width * (1 + hidden) + joined * 2 + hidden
    outer = joined**2 + 3 * joined + joined * text_hidden + text_hidden
    return EncoderFacts(
        kind="minicpmv4_6",
        sharded_params=depth * sharded + attention,
        replicated_params=depth * replicated + (3 * patch**2 + side**2 + 3) * hidden + inner + outer,
        max_tokens=side**2 // _WINDOW**2,
        hidden=hidden,
        intermediate=width,
        patch_merge=_WINDOW**2,
    )
