"""Fixed towers of Phi models, whose sizes no config states: CLIP of Phi-3-vision, SigLIP and conformer of Phi-4."""

from __future__ import annotations

from llminfra.catalog.models.blocks.audio import block_params
from llminfra.catalog.models.facts import EncoderFacts


def clip_large(text_hidden: int) -> EncoderFacts:
    """CLIP ViT-L/14 at 336 pixels, the fixed tower of Phi-3-vision."""
    sharded, replicated = block_params(1024, 4096, gated=False)
    projector = 4 * 1024 * text_hidden + text_hidden * text_hidden
    return EncoderFacts(
        kind="clip",
        sharded_params=23 * sharded + projector,
        replicated_params=23 * replicated + (577 + 588) * 1024,
        max_tokens=2509,
        hidden=1024,
        intermediate=4096,
    )


def phi4_multimodal(text_hidden: int) -> tuple[EncoderFacts, ...]:
    """The fixed towers of Phi-4-multimodal: SigLIP without its last block, and a conformer, unsharded.

    vllm/model_executor/models/phi4mm.py and phi4mm_audio.py, 0.33.0; widths are defaults of the config classes of
    transformers 5.22.2. The adapters for images and speech are not counted: they are loaded as LoRA.
    """
    hidden, width, blocks, positions = 1152, 4304, 26, (448 // 14) ** 2
    sharded, replicated = block_params(hidden, width, gated=False)
    projector = (hidden + 1 + text_hidden + 1) * text_hidden
    patches = (3 * 14 * 14 + 1 + positions) * hidden
    vision = EncoderFacts(
        kind="phi4mm_vision",
        sharded_params=0,
        replicated_params=blocks * (sharded + replicated) + patches + projector + 2 * hidden,
        hidden=hidden,
        intermediate=width,
        patch_merge=4,
    )
    size, inner = 1024, 1536
    feed_forward = 2 * (3 * size * inner + 2 * inner + size)
    attention = 4 * size * size + 4 * size
    convolution = 2 * size * size + 2 * size * size + 3 * size + 6 * size
    entry = 10 * size + 2 * (11 * size + size * size) + (10 * size + 1) * size
    speech = 2 * (size + 1 + text_hidden + 1) * text_hidden
    audio = EncoderFacts(
        kind="phi4mm_audio",
        sharded_params=0,
        replicated_params=24 * (feed_forward + attention + convolution + 10 * size) + entry + speech,
        hidden=size,
        intermediate=inner,
    )
    return vision, audio
