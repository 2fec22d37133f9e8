"""Peak memory of the engine's profiling run above the weights, from tensor shapes.

The run pushes ``max_num_batched_tokens`` tokens through the model and then samples ``max_num_seqs`` sequences; the
peak is the larger of the two. Only tensors that live at the same time are counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from llminfra.catalog.models.facts import Attention, EncoderFacts, GatedDeltaNet, Layer, Mamba2, Mla, ModelFacts
from llminfra.planning.memory.engine_profile import EngineProfile
from llminfra.planning.memory.overhead import GIB
from llminfra.planning.memory.weights import cdiv, kv_heads_per_rank

SAMPLER_BYTES = {"sort": 38, "triton": 14, "flashinfer": 14}
"""Bytes per logit alive at the sampler's peak.

``sort``: 16-bit logits (2), fp32 copy (4), sorted values (4), int64 order (8), the index pairs (8) and radix buffers
(12) of a segmented ``torch.sort``. Measured: 38.5 on H100 (vLLM 0.10.2, Qwen3-30B, 1024 x 151936), 38.6 on L40S
(0.6.6.post1, Qwen2.5-1.5B, 256 x 151936), 39.2 on H100 (December 2024, Llama 3 8B, 256 x 128256).
``triton``/``flashinfer``: 16-bit logits, fp32 copy, probabilities, exponential noise: 2 + 4 + 4 + 4.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationPeak:
    """Bytes by phase; the engine keeps the largest."""

    forward: float
    sampler: float
    encoder: float

    @property
    def total(self) -> float:
        """What the profiling run adds to the weights."""
        return max(self.forward, self.sampler, self.encoder)


def activation_peak(
    facts: ModelFacts,
    *,
    tokens: int,
    sequences: int,
    tp: int,
    ep: int,
    profile: EngineProfile,
    length: int,
    block: int = 16,
    element: int = 2,
) -> ActivationPeak:
    """Peak of the profiling run on one rank.

    Args:
        facts: The model.
        tokens: ``max_num_batched_tokens``.
        sequences: ``max_num_seqs``.
        tp: Tensor-parallel ranks.
        ep: Expert-parallel ranks, 1 for none.
        profile: Rules of the engine version.
        length: ``max_model_len``.
        block: ``block_size``.
        element: Bytes of one activation.
    """
    stream = tokens * facts.hidden_size * element
    distinct = {id(layer): layer for layer in facts.layers}.values()
    context = 0
    if profile.mla_context_tokens:
        wanted = max(8 * length, 4 * sequences * block)
        context = max(min(wanted, profile.mla_context_tokens), sequences * block)
    widest = 0.0
    for layer in distinct:
        experts, mixer = (
            _mlp_peak(layer, facts, tokens, tp, ep, element),
            _mixer_peak(layer, facts, tokens, tp, element),
        )
        if isinstance(layer.mixer, Mla):
            heads = cdiv(layer.mixer.heads, tp)
            mixer += context * heads * (layer.mixer.qk_nope_head_dim + layer.mixer.v_head_dim) * element
            if layer.mixer.indexer is not None:
                # The workspace manager keeps one buffer for experts and sparse attention alike.
                mixer += max(experts, _sparse_workspace(layer.mixer, profile, length)) + profile.sparse_logits_gib * GIB
        widest = max(widest, experts, mixer)
    forward = 2 * stream + widest
    sequences = min(sequences, tokens)
    logits = sequences * facts.vocab_size * SAMPLER_BYTES[profile.sampler] if facts.generative else 0
    # The V0 engine profiles one image per sequence where text and image tokens are apart.
    apart = profile.scheduler == "v0" and any(is_cross(layer) for layer in facts.layers)
    images = sequences if apart else 0
    encoder = max((encoder_peak(item, facts, tokens, tp, element, images) for item in facts.encoders), default=0.0)
    return ActivationPeak(forward=forward, sampler=stream + logits, encoder=encoder)


def _sparse_workspace(mixer: Mla, profile: EngineProfile, length: int) -> float:
    factor = profile.sparse_workspace_factor
    if profile.sparse_workspace_long_factor and length > 256 * 1024:
        factor = profile.sparse_workspace_long_factor
    return float(factor * length * mixer.latent_dim * 2)


def _mlp_peak(layer: Layer, facts: ModelFacts, tokens: int, tp: int, ep: int, element: int) -> float:
    hidden = facts.hidden_size
    peak = 0.0
    if layer.mlp is not None:
        width = cdiv(layer.mlp.intermediate, tp)
        peak = tokens * width * (3 if layer.mlp.gated else 2) * element
    if layer.moe is not None:
        moe = layer.moe
        width = moe.intermediate if ep > 1 else cdiv(moe.intermediate, tp)
        rows = min(tokens, 65536) * moe.top_k
        gate_up = width * (2 if moe.gated else 1)
        # Two workspaces: one shared by the first and last products, one for the activation between them.
        work = rows * (max(gate_up, moe.latent or hidden) + width) * element
        shared = tokens * cdiv(moe.shared_intermediate, tp) * 3 * element
        peak = max(peak, work + tokens * hidden * element + shared + tokens * moe.experts * 4)
    return float(peak)


def _mixer_peak(layer: Layer, facts: ModelFacts, tokens: int, tp: int, element: int) -> float:
    mixer = layer.mixer
    if isinstance(mixer, Attention):
        query = cdiv(mixer.heads, tp) * mixer.head_dim
        key = kv_heads_per_rank(mixer.kv_heads, tp) * mixer.head_dim
        attention = tokens * (2 * query + 2 * key + query + cdiv(mixer.gate_dim, tp)) * element
    elif isinstance(mixer, Mla):
        heads = cdiv(mixer.heads, tp)
        per_head = 3 * (mixer.qk_nope_head_dim + mixer.qk_rope_head_dim) + 2 * mixer.v_head_dim
        attention = tokens * (heads * per_head + (mixer.q_lora_rank or 0) + mixer.latent_dim) * element
    elif isinstance(mixer, GatedDeltaNet):
        inner = cdiv(2 * mixer.key_heads * mixer.key_dim + 2 * mixer.value_heads * mixer.value_dim, tp)
        attention = tokens * inner * 3 * element
    elif isinstance(mixer, Mamba2):
        attention = tokens * cdiv(2 * mixer.inner, tp) * 3 * element
    else:
        attention = tokens * cdiv(2 * facts.hidden_size, tp) * 3 * element
    return float(attention)


def is_cross(layer: Layer) -> bool:
    """Whether the layer attends to encoder output kept apart from the text (Llama 3.2 Vision)."""
    return isinstance(layer.mixer, Attention) and layer.mixer.cross


def encoder_peak(
    encoder: EncoderFacts, facts: ModelFacts, tokens: int, tp: int, element: int, images: int = 0
) -> float:
    """Peak of encoding the largest images that the batch budget admits, with their cached output.

    ``images`` overrides how many are encoded at once.
    """
    if not encoder.max_tokens:
        return 0.0
    budget = max(tokens, encoder.max_tokens)
    items = images or max(1, budget // encoder.max_tokens)
    text_tokens = items * encoder.max_tokens
    patches = text_tokens * encoder.patch_merge
    width = cdiv(encoder.intermediate, tp) if encoder.sharded_params else encoder.intermediate
    live = patches * (4 * encoder.hidden + (3 if encoder.gated else 2) * width) * element
    return float(live + 2 * text_tokens * facts.hidden_size * element)
