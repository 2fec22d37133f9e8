"""Vision towers, and which towers a config declares: parameter counts.

Only counts are kept, split into what engines shard by tensor parallelism (attention and feed-forward matrices) and
what every rank holds. Shapes follow transformers 5.22.2 and ``vllm/model_executor/models`` 0.33.0.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from llminfra.catalog.models.blocks.audio import audio_tower, block_params
from llminfra.catalog.models.config_reader import ConfigReader
from llminfra.catalog.models.facts import EncoderFacts
from llminfra.catalog.models.families.ernie_vl import ernie_vl_tower
from llminfra.catalog.models.families.gemma4_towers import gemma4, gemma4_unified
from llminfra.catalog.models.families.mimo import mimo_v2_audio, mimo_v2_tower
from llminfra.catalog.models.families.minicpm_v import minicpm_v46_tower
from llminfra.catalog.models.families.muse import muse_tower
from llminfra.catalog.models.families.phi_towers import clip_large, phi4_multimodal
from llminfra.catalog.models.families.step import step_tower
from llminfra.catalog.models.families.whisper import WHISPER_TYPE, whisper_tower

GEMMA3N_TOWERS = EncoderFacts(kind="gemma3n", sharded_params=0, replicated_params=983_000_000, max_tokens=256)
"""MobileNet-v5 and the audio conformer of Gemma 3n, unsharded: the published total less the decoder's parameters."""


def encoders_from(top: ConfigReader, text_hidden: int) -> tuple[EncoderFacts, ...]:
    """Towers that the config declares, in the order vision, audio."""
    if top.sub("thinker_config") is not None:
        inner = top.sub("thinker_config")
        towers = encoders_from(inner, text_hidden) if inner is not None else ()
        return tuple(replace(item, stated=None) for item in towers)
    if top.model_type == WHISPER_TYPE:
        return (whisper_tower(top),)
    found = []
    vision = top.sub("vision_config", "vit_config", "vision_tower_config")
    if top.model_type == "gemma3n":
        return (GEMMA3N_TOWERS,)
    if vision is not None:
        found.append(replace(_vision(top, vision, text_hidden), stated=_stated(top)))
    elif has_flat_tower(top):
        found.append(_deepseek41(top, top, text_hidden))
    elif top.model_type == "phi3_v" or (top.has("img_processor") and top.model_type == "phi3"):
        found.append(clip_large(text_hidden))
    elif top.model_type == "phi4mm":
        return phi4_multimodal(text_hidden)
    audio = top.sub("audio_config")
    if audio is not None and audio.values:
        build = mimo_v2_audio if top.model_type == "mimo_v2" else audio_tower
        found.append(build(audio, text_hidden))
    return tuple(found)


def _stated(top: ConfigReader) -> tuple[int, int] | None:
    vision = top.sub("vision_config")
    if vision is None:
        return None
    return vision.integer("num_hidden_layers", default=0), vision.integer("hidden_size", default=0)


def has_flat_tower(top: ConfigReader) -> bool:
    """DeepSeek-V4-Flash-Vision-Exp: the tower's keys are beside the decoder's, ``vision_`` before them."""
    return top.model_type == "deepseek_v4" and top.integer("vision_n_layers", default=0) > 0


def _vision(top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    kind = vision.model_type or f"{top.model_type}_vision"
    builder = next((item for prefix, item in _VISION.items() if _matches(prefix, top.model_type, kind)), _plain_vit)
    return builder(top, vision, text_hidden)


def _matches(prefix: str, top_type: str, kind: str) -> bool:
    return kind.startswith(prefix) or top_type.startswith(prefix)


def _qwen2_vl(top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    gated = top.model_type != "qwen2_vl"
    hidden = vision.integer("embed_dim", default=0) if not gated else 0
    hidden = hidden or vision.integer("hidden_size", default=1280)
    width = (
        vision.integer("intermediate_size", default=3420)
        if gated
        else int(hidden * float(vision.get("mlp_ratio") or 4))
    )
    depth = vision.integer("depth", default=32)
    merge = vision.integer("spatial_merge_size", default=2) ** 2
    # EXAONE 4.5's tower is Qwen2.5-VL's with fewer heads of keys than of queries (exaone4_5.py 0.33.0).
    heads = vision.integer("num_heads", default=16)
    kv_ratio = vision.integer("num_key_value_heads", default=heads) / heads
    sharded, replicated = block_params(hidden, width, gated=gated, kv_ratio=kv_ratio)
    patch = (
        3
        * vision.integer("temporal_patch_size", default=2)
        * vision.integer("patch_size", "spatial_patch_size", default=14) ** 2
    )
    merger = (hidden * merge) ** 2 + hidden * merge * text_hidden
    return EncoderFacts(
        kind="qwen2_vl",
        gated=gated,
        sharded_params=depth * sharded + merger,
        replicated_params=depth * replicated + patch * hidden,
        max_tokens=16384,
        hidden=hidden,
        intermediate=width,
        patch_merge=merge,
        patch_values=patch,
    )


def _qwen3_vl(_top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    hidden = vision.integer("hidden_size", default=1152)
    width = vision.integer("intermediate_size", default=4304)
    depth = vision.integer("depth", default=27)
    merge = vision.integer("spatial_merge_size", default=2) ** 2
    sharded, replicated = block_params(hidden, width, gated=False)
    out = vision.integer("out_hidden_size", default=text_hidden)
    mergers = 1 + len(vision.get("deepstack_visual_indexes") or [])
    patch = 3 * vision.integer("temporal_patch_size", default=2) * vision.integer("patch_size", default=16) ** 2
    positions = vision.integer("num_position_embeddings", default=2304) * hidden
    return EncoderFacts(
        kind="qwen3_vl",
        sharded_params=depth * sharded + mergers * ((hidden * merge) ** 2 + hidden * merge * out),
        replicated_params=depth * replicated + patch * hidden + positions,
        max_tokens=16384,
        hidden=hidden,
        intermediate=width,
        patch_merge=merge,
        patch_values=patch,
        made_width=out * mergers,
    )


def _qwen3_omni(top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    """The tower of Qwen3-VL; what is padded for that model's videos is not for this one's."""
    return replace(_qwen3_vl(top, vision, text_hidden), made_width=0)


DOTS = "dots_ocr"
DOTS_PATCH = 14
DOTS_PIXELS = 11_289_600
"""``max_pixels`` of the processor of dots.ocr: 14,400 tokens of four patches each, as vLLM's log counts, too ("encoder
cache will be initialized with a budget of 14400 tokens", newest_startups.jsonl, n-repo-wsl-dotsocr-091-u08)."""
_INTERN_VIT = frozenset({"internvl_vision", "intern_vit_6b"})


def _plain_vit(top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    """SigLIP, CLIP, InternViT and unknown towers: a standard ViT with an MLP projector."""
    hidden = vision.integer("hidden_size", "embed_dim", "vt_hidden_size", default=1152)
    width = vision.integer("intermediate_size", "vt_intermediate_size", default=4 * hidden)
    depth = vision.integer("num_hidden_layers", "depth", "vt_num_hidden_layers", default=24)
    gated = top.model_type == DOTS
    sharded, replicated = block_params(hidden, width, gated=gated)
    patch = vision.integer("patch_size", default=14)
    image = vision.integer("image_size", "init_pos_emb_height", default=336)
    positions = (image // max(1, patch)) ** 2 if image > patch else image * image
    channels = vision.integer("num_channels", "in_channels", default=3)
    projector, tokens = _projector(top, hidden, text_hidden, positions)
    intern = vision.model_type in _INTERN_VIT
    return EncoderFacts(
        heads=vision.integer("num_attention_heads", default=16) if intern else 0,
        attention_params=4 * depth * hidden**2 if intern else 0,
        kind=DOTS if gated else vision.model_type or "vit",
        gated=gated,
        sharded_params=depth * sharded + projector,
        replicated_params=depth * replicated + channels * patch * patch * hidden + positions * hidden,
        max_tokens=tokens,
        hidden=hidden,
        intermediate=width,
        # One image is up to 13 tiles (``_projector``), each of which has its patches merged four by four.
        patch_merge=4 if gated or top.model_type.startswith("internvl") else max(1, positions // (tokens or positions)),
    )


def _projector(top: ConfigReader, hidden: int, text_hidden: int, positions: int) -> tuple[int, int | None]:
    kind = top.model_type
    if kind.startswith("gemma3"):
        return hidden * text_hidden, 256
    if kind.startswith("internvl"):
        return 4 * hidden * text_hidden + text_hidden * text_hidden, positions // 4 * 13
    if kind.startswith(("idefics3", "smolvlm")):
        return hidden * 9 * text_hidden, None
    if kind.startswith("llava_next"):
        # The features of several layers side by side (Granite Vision), and one learned line break.
        taken = top.get("vision_feature_layer")
        wide = hidden * (len(taken) if isinstance(taken, list) else 1)
        return wide * text_hidden + text_hidden * text_hidden + 3 * text_hidden, positions
    if kind == DOTS:
        return (4 * hidden) ** 2 + 4 * hidden * text_hidden, DOTS_PIXELS // (4 * DOTS_PATCH**2)
    if kind.startswith("kimi"):
        return (4 * hidden) ** 2 + 4 * hidden * text_hidden, None
    return hidden * text_hidden + text_hidden * text_hidden, positions


def _glm4v(_top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    """Blocks without biases, a convolution that merges patches, a gated merger (glm4_1v.py)."""
    hidden = vision.integer("hidden_size", default=1536)
    out = vision.integer("out_hidden_size", default=text_hidden)
    # The blocks are as wide as what they hand over, the merger as wide as the config says.
    merger = vision.integer("intermediate_size", default=13696)
    depth = vision.integer("depth", default=24)
    merge = vision.integer("spatial_merge_size", default=2) ** 2
    sharded, _ = block_params(hidden, out, gated=True, bias=False)
    patch = vision.integer("patch_size", default=14)
    side = vision.integer("image_size", default=336) // max(1, patch)
    volume = 3 * vision.integer("temporal_patch_size", default=2) * patch * patch
    return EncoderFacts(
        kind="glm4v",
        gated=True,
        sharded_params=depth * sharded + out * out + 3 * out * merger,
        replicated_params=2 * depth * hidden
        + (volume + 1) * hidden
        + side * side * hidden
        + (merge * hidden + 1) * out
        + 2 * hidden
        + 2 * out,
        max_tokens=16384,
        hidden=hidden,
        intermediate=out,
        patch_merge=merge,
    )


def _glm_next(_top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    """Gated blocks with norms of queries and keys, a convolution that merges patches, a gated merger.

    ``vllm/models/glm5next/common/multimodal.py`` 0.33.0; the largest image has 8,000 tokens.
    """
    hidden, width = vision.integer("hidden_size"), vision.integer("intermediate_size")
    out, merger = vision.integer("out_hidden_size", default=text_hidden), vision.integer("projection_intermediate_size")
    depth, merge = vision.integer("depth"), vision.integer("spatial_merge_size") ** 2
    volume = 3 * vision.integer("temporal_patch_size") * vision.integer("patch_size") ** 2
    block = 4 * hidden * hidden + 3 * hidden + 3 * hidden * width + 2 * width
    beside = 2 * hidden + 2 * hidden + 2 * hidden // vision.integer("num_heads")
    return EncoderFacts(
        kind="glm5_next",
        gated=True,
        sharded_params=depth * block + out * out + 3 * out * merger,
        replicated_params=depth * beside + (volume + 1) * hidden + hidden + (merge * hidden + 1) * out + 2 * out,
        max_tokens=8000,
        hidden=hidden,
        intermediate=width,
        patch_merge=merge,
    )


def _deepseek41(_top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    """Gated blocks, and two matrices behind patches that are merged three by three (deepseek_v4/common/vision.py)."""
    hidden, width = vision.integer("vision_dim", "hidden_size"), vision.integer("vision_inter_dim", "intermediate_size")
    depth = vision.integer("vision_n_layers", "num_hidden_layers")
    merge = vision.integer("vision_downsample_ratio", "downsample_ratio") ** 2
    patch = 3 * vision.integer("vision_patch_size", "patch_size") ** 2
    return EncoderFacts(
        kind="deepseek_v41",
        gated=True,
        sharded_params=depth * (4 * hidden * hidden + 3 * hidden + 3 * hidden * width)
        + (merge * hidden + 1 + text_hidden) * text_hidden,
        # Norms are in 32 bit, so that each counts twice.
        replicated_params=depth * 5 * hidden + (patch + 1) * hidden + 2 * hidden + text_hidden,
        max_tokens=vision.integer("vision_max_n_token", "max_image_tokens"),
        hidden=hidden,
        intermediate=width,
        patch_merge=merge,
    )


def _pixtral(top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    hidden = vision.integer("hidden_size", default=1024)
    width = vision.integer("intermediate_size", default=4096)
    depth = vision.integer("num_hidden_layers", default=24)
    merge = top.integer("spatial_merge_size", default=2) ** 2
    sharded, replicated = block_params(hidden, width, gated=True, bias=False)
    patch = vision.integer("patch_size", default=14)
    image = vision.integer("image_size", default=1540)
    projector = hidden * hidden * merge + hidden * text_hidden + text_hidden * text_hidden
    matrices = depth * sharded + projector
    # Mistral's own repositories are read in Mistral's own format, whose tower (pixtral.py VisionTransformer) has plain
    # matrices; the tower of checkpoints in the Hub's format (PixtralHFVisionModel) is sharded.
    own = top.model_id.startswith("mistralai/")
    return EncoderFacts(
        kind="pixtral",
        gated=True,
        sharded_params=0 if own else matrices,
        replicated_params=(matrices if own else 0) + depth * replicated + 3 * patch * patch * hidden,
        max_tokens=(image // patch) ** 2 // merge,
        hidden=hidden,
        intermediate=width,
        patch_merge=merge,
    )


def _mllama(_top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    hidden = vision.integer("hidden_size", default=1280)
    width = vision.integer("intermediate_size", default=5120)
    depth = vision.integer("num_hidden_layers", default=32) + vision.integer("num_global_layers", default=8)
    sharded, replicated = block_params(hidden, width, gated=False, bias=False)
    image, patch = vision.integer("image_size", default=560), vision.integer("patch_size", default=14)
    tiles = vision.integer("max_num_tiles", default=4)
    patches = (image // patch) ** 2 + 1
    ratios = 1 + len(vision.values.get("supported_aspect_ratios") or [0] * 8)
    tables = patches * hidden + ratios * tiles * patches * hidden + 2 * ratios * tiles * hidden
    out = vision.integer("vision_output_dim", default=7680)
    return EncoderFacts(
        kind="mllama",
        sharded_params=depth * sharded,
        replicated_params=depth * replicated + 3 * patch * patch * hidden + tables + out * text_hidden + text_hidden,
        max_tokens=tiles * patches,
        hidden=hidden,
        intermediate=width,
    )


def _llama4(_top: ConfigReader, vision: ConfigReader, text_hidden: int) -> EncoderFacts:
    hidden = vision.integer("hidden_size", default=1408)
    width = vision.integer("intermediate_size", default=5632)
    depth = vision.integer("num_hidden_layers", default=34)
    sharded, replicated = block_params(hidden, width, gated=False)
    out = vision.integer("vision_output_dim", "projector_output_dim", default=4096)
    projector_in = vision.integer("projector_input_dim", default=4096)
    patches = (vision.integer("image_size", default=336) // vision.integer("patch_size", default=14)) ** 2
    return EncoderFacts(
        kind="llama4",
        sharded_params=depth * sharded + 4 * hidden * projector_in + projector_in * out + out * text_hidden,
        replicated_params=depth * replicated + 588 * hidden + (patches + 2) * hidden,
        max_tokens=patches // 4 * 17,
        hidden=hidden,
        intermediate=width,
        patch_merge=4,
    )


_Builder = Callable[[ConfigReader, ConfigReader, int], EncoderFacts]
_VISION: dict[str, _Builder] = {
    "qwen3_vl": _qwen3_vl,
    "qwen3_5": _qwen3_vl,
    "qwen4_exp": _qwen3_vl,
    "qwen3_omni": _qwen3_omni,
    "qwen2_vl": _qwen2_vl,
    "qwen2_5": _qwen2_vl,
    "exaone4_5": _qwen2_vl,
    "ernie4_5": ernie_vl_tower,
    "mimo_v2": mimo_v2_tower,
    "minicpmv4_6": minicpm_v46_tower,
    "muse_glimmer": muse_tower,
    "perception_encoder": step_tower,
    "step3p5": step_tower,
    "deepseek_v41": _deepseek41,
    "glm4v": _glm4v,
    "glm5_next": _glm_next,
    "mllama": _mllama,
    "llama4": _llama4,
    "pixtral": _pixtral,
    "mistral3": _pixtral,
    "gemma4_unified": gemma4_unified,
    "gemma4": gemma4,
}
