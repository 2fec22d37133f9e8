"""Audio towers, and the transformer block that towers are made of: parameter counts from their configs.

Shapes follow transformers 5.22.2 and ``vllm/model_executor/models`` 0.33.0.
"""

from __future__ import annotations

from llminfra.catalog.models.config_reader import ConfigReader
from llminfra.catalog.models.facts import EncoderFacts


def audio_tower(audio: ConfigReader, text_hidden: int) -> EncoderFacts:
    """The tower of an ``audio_config``: a Whisper encoder, unless its family has one of its own."""
    if audio.model_type.startswith("gemma4"):
        return _gemma4_audio(audio, text_hidden)
    hidden = audio.integer("d_model", "hidden_size", default=1280)
    width = audio.integer("encoder_ffn_dim", "intermediate_size", default=4 * hidden)
    depth = audio.integer("encoder_layers", "num_hidden_layers", "conf_num_hidden_layers", default=32)
    sharded, replicated = block_params(hidden, width, gated=False)
    mels = audio.integer("num_mel_bins", default=128)
    convolution = 3 * mels * hidden + 3 * hidden * hidden
    return EncoderFacts(
        kind=audio.model_type or "audio",
        sharded_params=depth * sharded,
        replicated_params=depth * replicated + convolution + 1500 * hidden + hidden * text_hidden,
        max_tokens=750,
        hidden=hidden,
        intermediate=width,
    )


def _gemma4_audio(audio: ConfigReader, text_hidden: int) -> EncoderFacts:
    """Conformer blocks behind two convolutions, run through transformers, unsharded (gemma4_mm.py).

    A block has two feed-forward parts, attention with relative positions, and a light convolution between them
    (modeling_gemma4.py, transformers 5.22.2).
    """
    if audio.model_type == "gemma4_unified_audio":
        # Frames of the waveform go straight through the projection.
        width = audio.integer("audio_embed_dim", default=640)
        return EncoderFacts(
            kind="gemma4_unified_audio", sharded_params=0, replicated_params=width * text_hidden, max_tokens=750
        )
    hidden = audio.integer("hidden_size", default=1024)
    width = 4 * hidden
    heads = audio.integer("num_attention_heads", default=8)
    attention = 5 * hidden * hidden + hidden // heads
    convolution = 3 * hidden * hidden + audio.integer("conv_kernel_size", default=5) * hidden
    block = attention + convolution + 4 * hidden * width + 9 * hidden
    channels = audio.get("subsampling_conv_channels") or [128, 32]
    first, second = int(channels[0]), int(channels[1])
    entry = 9 * first + 9 * first * second + first + second + (first // 4) * second * hidden
    out = audio.integer("output_proj_dims", default=1536)
    layers = audio.integer("num_hidden_layers", default=12)
    return EncoderFacts(
        kind="gemma4_audio",
        sharded_params=0,
        replicated_params=layers * block + entry + (hidden + 1) * out + out * text_hidden,
        max_tokens=750,
        hidden=hidden,
        intermediate=width,
    )


def block_params(
    hidden: int, intermediate: int, *, gated: bool, bias: bool = True, kv_ratio: float = 1.0
) -> tuple[int, int]:
    """Sharded and replicated parameters of one transformer block."""
    attention = int(hidden * hidden * (2 + 2 * kv_ratio)) + (3 * hidden if bias else 0)
    mlp = (3 if gated else 2) * hidden * intermediate + ((2 if gated else 1) * intermediate if bias else 0)
    replicated = 4 * hidden + (2 * hidden if bias else 0)
    return attention + mlp, replicated
