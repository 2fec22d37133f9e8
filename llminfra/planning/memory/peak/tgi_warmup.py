"""Peak of the warm-up of Text Generation Inference: what the allocator has taken from the device when it ends.

``warmup`` of server/text_generation_server/models/flash_causal_lm.py looks at the device without giving freed blocks
back first, so that the tensors of a layer, which are smaller, and the logits, which come after them, add up.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.mixers import Attention
from llminfra.planning.memory.peak.forward_peak import Batch, forward_peak
from llminfra.planning.memory.releases.engine_profile import EngineProfile
from llminfra.planning.memory.releases.settings import Settings
from llminfra.planning.memory.releases.tgi_profile import Step, TgiProfile, config_type
from llminfra.planning.memory.shapes import cdiv

ELEMENT = 2
SCORE_BYTES = 2 * 4
"""Scores of all heads in 32 bit, and their softmax beside them."""
TRUTHS = 5
"""Truth values for each token against each other: causal, padded, those of images, both together, and the whole mask
(``get_attention_mask`` of flash_gemma3_modeling.py 3.2.0 to 3.3.7)."""
MASKS = 2
"""The mask in 16 bit, and its windowed copy."""


class WarmUp(Struct, frozen=True, kw_only=True):
    """Bytes on one rank.

    Attributes:
        forward: The layers.
        logits: Of every token of the prompts, and their log probabilities.
        matrix: Masks of prompts with images, and the scores of attention that works on whole matrices.
    """

    forward: float
    logits: float = 0.0
    matrix: float = 0.0

    @property
    def total(self) -> float:
        """All of it: none of these fits a block that another one freed."""
        return self.forward + self.logits + self.matrix


def tgi_warmup(facts: ModelFacts, rules: TgiProfile, settings: Settings, step: Step, profile: EngineProfile) -> WarmUp:
    """Peak above weights and cache."""
    batch = Batch(
        tokens=step.tokens,
        sequences=step.requests,
        length=step.length,
        tp=settings.tp,
        ep=settings.ep,
        element=settings.element_bytes,
        eager=True,
        awq=settings.quant is not None and settings.quant.method == "awq",
    )
    # Ranks sum in place, and the product of gate and up is a tensor of its own beside the activated gate.
    kept = replace(profile, keeps_reserved=True, sums_to_new_tensor=False, awq_split_k=rules.awq_split_k)
    forward = forward_peak(facts, batch, kept) + _product_of_gate(facts, batch)
    logits = _logits(facts, batch) if rules.prompt_logits else 0.0
    matrix = _matrix(facts, batch, rules) if facts.encoders else 0.0
    return WarmUp(forward=forward, logits=logits, matrix=matrix)


def _product_of_gate(facts: ModelFacts, batch: Batch) -> float:
    """``act(gate) * up``: of dense layers, whose activated gate is not yet free (flash_llama_modeling.py)."""
    widths = (cdiv(layer.mlp.intermediate, batch.tp) for layer in facts.layers if layer.mlp and layer.mlp.gated)
    return float(batch.tokens * max(widths, default=0) * ELEMENT)


def _logits(facts: ModelFacts, batch: Batch) -> float:
    """A rank's part of the vocabulary, all of it once gathered (``TensorParallelHead``), and ``log_softmax`` of it."""
    parts = 1 / batch.tp if batch.tp > 1 and facts.vocab_size % batch.tp == 0 else 0.0
    return float(batch.tokens * facts.vocab_size * ELEMENT * (2 + parts))


def _matrix(facts: ModelFacts, batch: Batch, rules: TgiProfile) -> float:
    longest = min(batch.tokens, batch.length)
    if config_type(facts) not in rules.whole_matrix:
        return float(longest * longest * TRUTHS) if config_type(facts) in rules.masked else 0.0
    heads = max((layer.mixer.heads for layer in facts.layers if isinstance(layer.mixer, Attention)), default=0)
    return float(longest * longest * (cdiv(heads, batch.tp) * SCORE_BYTES + MASKS * ELEMENT + TRUTHS))
