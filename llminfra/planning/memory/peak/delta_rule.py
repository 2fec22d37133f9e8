"""What a layer with the gated delta rule (Qwen3-Next, Qwen3.5 and later) holds while it reads a prompt."""

from __future__ import annotations

from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.mixers import GatedDeltaNet

_CHUNK = 64
"""Tokens of a chunk: FLA_CHUNK_SIZE of vllm/third_party/flash_linear_attention/ops/utils.py 0.27.1-0.33.0."""
_HALF, _FULL = 2, 4
"""Bytes of an element in 16 and in 32 bit."""


def delta_rule_bytes(facts: ModelFacts, tp: int) -> float:
    """Bytes for each token of a prompt and each of ``tp`` ranks; 0 for models without such layers.

    Of each value head: the state of every chunk, the new values, the outputs and one product as wide as a value, one
    as wide as a key, a chunk's products in fp32 and their inverse, gate and rate; of the layer the convolved queries,
    keys and values, as they come and as they are handed over. ``chunk_gated_delta_rule_fwd`` of chunk.py and
    ``fused_post_conv_prep`` (vllm/third_party/flash_linear_attention/ops 0.27.1-0.33.0); 130 KiB for Qwen3.8 27B, for
    which vllm-project/vllm#50780 measured 128.
    """
    mixers = {layer.mixer for layer in facts.layers if isinstance(layer.mixer, GatedDeltaNet)}
    return max((_of_layer(mixer) for mixer in mixers), default=0.0) / tp


def _of_layer(mixer: GatedDeltaNet) -> float:
    states = mixer.value_dim * mixer.key_dim / _CHUNK * _HALF
    products = (3 * mixer.value_dim + mixer.key_dim) * _HALF + _CHUNK * (_FULL + _HALF) + 2 * _FULL
    convolved = (2 * mixer.key_heads * mixer.key_dim + mixer.value_heads * mixer.value_dim) * _HALF
    return mixer.value_heads * (states + products) + 2 * convolved
