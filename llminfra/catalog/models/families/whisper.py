"""Whisper: an encoder of thirty seconds of sound, and a decoder that attends to what it made of them.

Shapes are those that vLLM allocates: vllm/model_executor/models/whisper.py 0.27.1. Keys have no bias in the checkpoint;
engines give them one with queries and values.
"""

from __future__ import annotations

from llminfra.catalog.models.blocks.audio import block_params
from llminfra.catalog.models.config_reader import ConfigReader
from llminfra.catalog.models.facts import DenseMlp, EncoderFacts, Layer
from llminfra.catalog.models.mixers import Attention

WHISPER_TYPE = "whisper"
WHISPER_KEYS = (("d_model",), ("encoder_layers",), ("decoder_layers",), ("vocab_size",), ("num_mel_bins",))
"""What says the shapes; the other keys have documented defaults."""
WINDOW_S = 30
"""Seconds of one window of sound (``chunk_length`` of WhisperFeatureExtractor, transformers)."""


def whisper_layers(text: ConfigReader) -> tuple[Layer, ...]:
    """Decoder layers: attention to the text, attention to the sound, a feed-forward block; three norms with biases."""
    hidden, heads = text.integer("d_model"), text.integer("decoder_attention_heads", default=16)
    own = Attention(
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        v_head_dim=hidden // heads,
        qkv_bias=True,
        out_bias=True,
    )
    sound = Attention(
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        v_head_dim=hidden // heads,
        qkv_bias=True,
        out_bias=True,
        cross=True,
    )
    mlp = DenseMlp(intermediate=text.integer("decoder_ffn_dim", default=4 * hidden), gated=False, bias=True)
    return (Layer(mixer=own, second_mixer=sound, mlp=mlp, norms=6),) * text.integer("decoder_layers")


def whisper_tower(text: ConfigReader) -> EncoderFacts:
    """The encoder: two convolutions over the spectrum, a table of positions, blocks, a last norm."""
    hidden = text.integer("d_model")
    width = text.integer("encoder_ffn_dim", default=4 * hidden)
    depth, mels = text.integer("encoder_layers"), text.integer("num_mel_bins", default=80)
    positions = encoder_positions(text)
    sharded, replicated = block_params(hidden, width, gated=False)
    convolutions = (3 * mels + 1) * hidden + (3 * hidden + 1) * hidden
    return EncoderFacts(
        kind=WHISPER_TYPE,
        sharded_params=depth * sharded,
        replicated_params=depth * replicated + convolutions + positions * hidden + 2 * hidden,
        max_tokens=positions,
        hidden=hidden,
        intermediate=width,
    )


def encoder_positions(text: ConfigReader) -> int:
    """Positions of a window of sound."""
    return text.integer("max_source_positions", default=1500)


def text_positions(text: ConfigReader) -> int:
    """Tokens of the longest text, and rows of its table of positions."""
    return text.integer("max_target_positions", default=448)
