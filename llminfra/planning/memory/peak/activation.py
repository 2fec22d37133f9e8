"""Peak memory of the engine's profiling run above the weights, from tensor shapes.

The run pushes ``max_num_batched_tokens`` tokens through the model and then samples ``max_num_seqs`` sequences; the
peak is the larger of the two. Only tensors that live at the same time are counted.
"""

from __future__ import annotations

import math

from msgspec import Struct

from llminfra.catalog.models.facts import EncoderFacts, Layer, ModelFacts
from llminfra.catalog.models.mixers import Attention
from llminfra.planning.memory.peak.compilation import compiling
from llminfra.planning.memory.peak.forward_peak import Batch, expert_workspace, forward_peak
from llminfra.planning.memory.releases.engine_profile import EngineProfile
from llminfra.planning.memory.shapes import cdiv

SAMPLER_BYTES = {"argsort_probs": 68, "argsort": 58, "sort": 38, "triton": 14, "flashinfer": 14, "copy": 6, "raw": 2}
"""Bytes per logit alive at the sampler's peak.

``sort``: 16-bit logits (2), fp32 copy (4), sorted values (4), int64 order (8), the index pairs (8) and radix buffers
(12) of a segmented ``torch.sort``. Measured: 38.5 on H100 (vLLM 0.10.2, Qwen3-30B, 1024 x 151936), 38.6 on L40S
(0.6.6.post1, Qwen2.5-1.5B, 256 x 151936), 39.2 on H100 (December 2024, Llama 3 8B, 256 x 128256).
``argsort``: 16-bit logits, sorted values, probabilities, their sums (2 each), masks (2), int64 order (8), then its
argsort: values and order (16), index pairs (8), radix buffers (16). Measured: 61 on A100 (December 2023, 256 x 32000).
``argsort_probs``: the same on fp32 probabilities beside fp32 log probabilities: 2 + 4 x 4 + 2 + 8 + 40.
``triton``/``flashinfer``: 16-bit logits, fp32 copy, probabilities, exponential noise: 2 + 4 + 4 + 4.
``copy``: 16-bit logits and an fp32 copy. ``raw``: 16-bit logits alone. Ranks gather their parts of the vocabulary and
reorder what they got, which takes two 16-bit copies beside the part (`gathered_logits`).
"""


POOLER_BYTES = 8
"""Bytes for each value of the last states while a pooler is tried on all of a batch's tokens: they become 32 bit, and
so does what is normalized of them (``_dummy_pooler_run`` of vllm/v1/worker/gpu_model_runner.py 0.27.1 tries every task,
of which ``token_embed`` answers with all tokens; ``EmbeddingPoolerHead``)."""
ROTARY_TOWER = "qwen2_vl"
ROTARY_WIDTHS = 14
"""16-bit widths alive while the tower of Qwen2-VL and Qwen2.5-VL rotates its queries: the block's input, the residual
and the normed input (3), the projections and their contiguous copies (6), the queries in fp32, rotated, and back in
16 bit (5): ``vllm/model_executor/models/qwen2_5_vl.py`` 0.8.5."""
DOTS_TOWER = "dots_ocr"
DOTS_WIDTHS, DOTS_KERNEL_WIDTHS = 26, 20
"""Widths alive while the tower of dots.ocr rotates queries and keys side by side: the block's input and the normed one
(2), the projections, their contiguous copies and those side by side (8), and in units of 16 bit the same in fp32, times
the cosine, turned by half, and times the sine (16): ``apply_rotary_pos_emb_vision`` of
vllm/model_executor/models/dots_ocr.py 0.11.2 and 0.12.0. With the kernel (``ApplyRotaryEmb`` with
``enable_fp32_compute``, 0.13.0) it is the same in fp32, rotated (8), and back in 16 bit (2)."""
MUSE_TOWER = "muse_glimmer"
"""Its tower keeps the embedded patches of every item, and what the processor handed over, until it is done
(``MuseGlimmerVisionEncoder.forward`` of vllm/model_executor/models/muse_glimmer.py 0.28.0)."""
WHOLE_WIDTHS = 11
"""Widths alive where InternViT's attention is whole and normalises its keys, in units of 16 bit: the tower's input, the
block's, the normed one (3), queries, keys and values (3), normed queries (1), keys in fp32 and their square (4):
``InternSdpaAttention.forward`` of vllm/model_executor/models/intern_vit.py and ``RMSNorm.forward_native`` 0.6.6-0.9.2.
Measured: a peak of 15.73 GiB with 16 images of 13 tiles on a rank of eight, of which these are 14.0."""
PIXELS_PER_PATCH = 3 * 2 * 14 * 14
"""fp32 values that the processor hands over for one patch: channels, frames, height, width."""


TILED_TOWER = "mllama"
TILES, TILE_MULTIPLE = 4, 8
"""Tiles of an image, and what the patches of each are padded to."""
TILED_WIDTHS = 13
"""16-bit widths alive where the tower of Llama 3.2 Vision stacks the outputs of five layers: these, their stack (10),
and the input, output and residual of the last one, beside a mask of every patch against every other:
``vllm/model_executor/models/mllama.py`` 0.6.4. No rank has less. Measured: 36.63 GiB with 128 images on one H100, and
70.6 with 256 on a rank of four (vllm-project/vllm#8903)."""


class ActivationPeak(Struct, frozen=True, kw_only=True):
    """Bytes by phase, of which the engine counts the largest, and what is there in all of them.

    ``stays`` are those of the compiler's copy that stay reserved after it, ``may_stay`` those that may
    (`compilation.Compiling`). ``logits`` are those of the sampler alone, without what the run holds beside it.
    """

    forward: float
    sampler: float
    encoder: float
    compilation: float = 0.0
    kept: float = 0.0
    stays: float = 0.0
    may_stay: float = 0.0
    logits: float = 0.0

    @property
    def total(self) -> float:
        """What the profiling run adds to the weights."""
        return max(self.forward, self.sampler, self.encoder, self.compilation) + self.kept

    @property
    def first(self) -> float:
        """Of these, what a start lacks that finds the compiled model."""
        return max(0.0, self.compilation - max(self.forward, self.sampler, self.encoder))


def activation_peak(facts: ModelFacts, batch: Batch, profile: EngineProfile) -> ActivationPeak:
    """Peak of the profiling run on one rank under the rules of an engine version."""
    tokens = batch.tokens
    sequences = min(batch.sequences, tokens)
    largest = max((item.max_tokens or 0 for item in facts.encoders), default=0)
    apart = any(is_cross(layer) for layer in facts.layers)
    # The V0 engine profiles one image per sequence where text and image tokens are apart; where they share the
    # batch, it profiles no more sequences than images fit (vllm/worker/model_runner.py profile_run 0.4.1-0.7.3).
    images = sequences if apart and profile.scheduler == "v0" else 0
    # The largest image and the largest video are profiled in one request: measured 2.47 GiB for the image alone and
    # 4.93 GiB for both (Qwen2.5-VL-7B, one device).
    both = profile.profiles_video and any(item.kind == ROTARY_TOWER for item in facts.encoders)
    units = (batch.items if profile.scheduler == "v0" else 0) or (2 if both else 1)
    if profile.scheduler == "v0" and largest and not apart:
        sequences = min(sequences, max(1, tokens // (units * largest)))
        images = sequences
    logits = sequences * facts.vocab_size * logit_bytes(profile.sampler, batch.tp) if facts.generative else 0.0
    if profile.sampler == "triton" and facts.generative:
        # _TRITON_BUFFER_CACHE of vllm/v1/sample/ops/topk_topp_triton.py 0.17.1: fp32, a row for each program.
        logits += min(batch.multiprocessors, sequences) * facts.vocab_size * 4
    if batch.guesses and facts.generative:
        logits = max(logits, float(sequences * facts.vocab_size * profile.checked_guess_bytes))
    stream = tokens * facts.hidden_size * batch.element
    encoders = facts.encoders if profile.profiles_encoder else ()
    towers = [
        (units if item.kind == ROTARY_TOWER or batch.items else 1)
        * encoder_peak(item, facts, batch, images or profiled_items(item, batch, profile), profile)
        for item in encoders
    ]
    # 0.7 profiles one item of every modality, V1 those of the one with the most tokens.
    encoder = sum(towers) if profile.profiles_video else max(towers, default=0.0)
    forward = forward_peak(facts, batch, profile)
    made = 0.0
    if largest and encoders and not apart:
        # What the encoder made stays until the run ends, and V0 holds the merged embeddings beside it.
        items = images * units or max(profiled_items(item, batch, profile) for item in encoders if item.max_tokens)
        made = items * largest * facts.hidden_size * batch.element
        forward += made + (stream if profile.scheduler == "v0" else 0)
    padded = max((profile.padded_video_tokens * item.made_width * batch.element for item in encoders), default=0.0)
    if padded > made:
        forward += padded - made
        made = padded
    pixels = _held_pixels(encoders, batch, profile)
    forward += pixels
    sampler = float(stream + logits + pixels)
    if not facts.generative:
        sampler += tokens * facts.hidden_size * POOLER_BYTES
    if profile.scheduler == "v1":
        sampler += made
    sampler += max((expert_workspace(layer, facts, batch) for layer in facts.layers), default=0)
    # Pods start with an empty cache of compiled graphs, and the first start decides what the plan may promise.
    compiled = compiling(facts, batch, profile, max(forward, sampler))
    kept = float(batch.libraries) + kept_streams(facts, batch)
    return ActivationPeak(
        forward=forward,
        sampler=sampler,
        encoder=encoder,
        compilation=compiled.peak,
        kept=kept,
        stays=compiled.stays,
        may_stay=compiled.may_stay,
        logits=float(logits),
    )


def _held_pixels(encoders: tuple[EncoderFacts, ...], batch: Batch, profile: EngineProfile) -> float:
    """Flattened patches of the images that were tried: the run holds what it gave the tower until it returns.

    ``batched_dummy_mm_inputs`` of ``profile_run`` (vllm/v1/worker/gpu_model_runner.py 0.11.2-0.30.0), in the model's
    dtype (``_postprocess_output`` of vllm/multimodal/processing); the second runner has them in a method that returns
    before the decoder runs (``profile_encoder_cache``).
    """
    if not profile.holds_patches or profile.runs_v2:
        return 0.0
    values = [
        profiled_items(item, batch, profile) * item.max_tokens * item.patch_merge * item.patch_values
        for item in encoders
        if item.max_tokens
    ]
    return float(max(values, default=0) * batch.element)


def kept_streams(facts: ModelFacts, batch: Batch) -> float:
    """Residual streams of DeepSeek V4 that stay for a draft: ``_mtp_hidden_buffer``, deepseek_v4.py 0.20.2."""
    streams = max((_streams(layer) for layer in facts.layers), default=0)
    return float(batch.tokens * streams * facts.hidden_size * batch.element)


def is_compressed(facts: ModelFacts) -> bool:
    """Whether the model attends to compressed states as DeepSeek V4 does."""
    return any(_streams(layer) for layer in facts.layers)


def _streams(layer: Layer) -> int:
    mixer = layer.mixer
    return mixer.compression.streams if isinstance(mixer, Attention) and mixer.compression is not None else 0


def logit_bytes(sampler: str, tp: int) -> float:
    """Bytes for each logit of the batch at the sampler's peak, on one of ``tp`` ranks."""
    return max(SAMPLER_BYTES[sampler], gathered_logits(tp))


def gathered_logits(tp: int) -> float:
    """Bytes for each logit while ranks gather them: a part, all parts, and these in order of the vocabulary."""
    return 2 / tp + 4 if tp > 1 else 2.0


def is_cross(layer: Layer) -> bool:
    """Whether the layer attends to encoder output kept apart from the text (Llama 3.2 Vision)."""
    return isinstance(layer.mixer, Attention) and layer.mixer.cross


def profiled_items(encoder: EncoderFacts, batch: Batch, profile: EngineProfile) -> int:
    """Images of the largest size that the V1 engine encodes at once to see what they take."""
    if not encoder.max_tokens:
        return 0
    fitting = batch.tokens / encoder.max_tokens
    items = math.ceil(fitting) if profile.rounds_items_up else int(fitting)
    each = batch.items or profile.default_items
    if profile.items_by_length:
        each = max(1, min(each, batch.length // encoder.max_tokens))
    return max(1, min(items, batch.sequences * each))


def encoder_peak(encoder: EncoderFacts, facts: ModelFacts, batch: Batch, items: int, profile: EngineProfile) -> float:
    """Peak of encoding ``items`` images of the largest size at once, with their cached output."""
    if not encoder.max_tokens:
        return 0.0
    text_tokens = items * encoder.max_tokens
    patches = text_tokens * encoder.patch_merge
    width = cdiv(encoder.intermediate, batch.tp) if encoder.sharded_params else encoder.intermediate
    live = patches * (4 * encoder.hidden + (3 if encoder.gated else 2) * width) * batch.element
    peak = live + 2 * text_tokens * facts.hidden_size * batch.element
    if encoder.kind == TILED_TOWER:
        return float(items * _tiled(encoder, batch.element))
    if encoder.heads % batch.tp:
        peak = max(peak, patches * WHOLE_WIDTHS * encoder.hidden * batch.element)
    if encoder.kind == MUSE_TOWER:
        peak += patches * (encoder.hidden * batch.element + PIXELS_PER_PATCH * 4)
    if encoder.kind == DOTS_TOWER:
        widths = DOTS_KERNEL_WIDTHS if profile.rotates_by_kernel else DOTS_WIDTHS
        peak = max(peak, patches * widths * encoder.hidden * batch.element)
    if encoder.kind == ROTARY_TOWER:
        rotary = ROTARY_WIDTHS * encoder.hidden * batch.element + PIXELS_PER_PATCH * 4
        peak = max(peak, patches * rotary)
    return float(peak)


def _tiled(encoder: EncoderFacts, element: int) -> int:
    """Bytes of one image while the tower of Llama 3.2 Vision stacks what its layers gave."""
    each = cdiv((encoder.max_tokens or 0) // TILES, TILE_MULTIPLE) * TILE_MULTIPLE
    patches = TILES * each
    pixels = PIXELS_PER_PATCH // 2 * (encoder.max_tokens or 0)
    return (patches * patches + TILED_WIDTHS * patches * encoder.hidden + pixels) * element
