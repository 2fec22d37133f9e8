"""What engines keep of latent attention beside its matrices: halves of one of them, or products of two.

Decoding works on the latent itself, so the matrix that expands it (``kv_b_proj``) is applied to queries and outputs.
"""

from __future__ import annotations

from llminfra.catalog.models.mixers import Mla
from llminfra.catalog.models.quantization import QuantFacts, WeightFormat, WeightScheme
from llminfra.planning.memory.shapes import Kind, Matrix, Shards, cdiv
from llminfra.planning.memory.weights.module_names import scheme_for
from llminfra.planning.memory.weights.stored_bytes import allocated_bytes, matrix_bytes

COPIED, VIEWED, ABSORBED = "copied", "viewed", "absorbed"
"""How a release keeps them (``Shards.latent``); empty where it caches keys and values of every head instead.

``copied``: both halves of ``kv_b_proj`` in 16 bit (``w_kc`` and ``w_vc`` of SGLang). ``viewed``: the same where the
matrix is quantized, else views of it (``process_weights_after_loading`` of vllm/v1/attention/backends/mla/common.py
0.8.4-0.14.1, vllm/model_executor/layers/attention/mla_attention.py since). ``absorbed``: beside these, the products of
``kv_b_proj`` with the query's and the output's matrix in the format of FP8 checkpoints, else in 16 bit, and the
rotary part of the query's (``W_Q_UK``, ``W_UV_O`` and ``W_QR`` of vllm/attention/backends/mla/utils.py 0.7.1-0.7.3).
"""
HALF_BYTES = 2


def latent_bytes(
    mixer: Mla, hidden: int, quant: QuantFacts | None, shards: Shards, size: int, index: int = -1
) -> float:
    """Bytes on one rank beside the matrices of one layer; ``index`` is that of the layer, -1 for any."""
    if not shards.latent:
        return 0.0
    heads = cdiv(mixer.heads, shards.attention_tp or shards.tp)
    halves = heads * (mixer.qk_nope_head_dim + mixer.v_head_dim) * mixer.kv_lora_rank * HALF_BYTES
    scheme = _scheme(mixer, quant, index)
    held = 0.0 if scheme is None and shards.latent != COPIED else allocated_bytes(halves, shards)
    if shards.latent != ABSORBED:
        return held
    source = mixer.q_lora_rank or hidden
    latent = heads * mixer.kv_lora_rank
    kept = scheme if scheme is not None and scheme.format is WeightFormat.FP8 else None
    for outputs, inputs in ((latent, source), (hidden, latent)):
        stored, side = matrix_bytes(Matrix(Kind.ATTENTION, ("absorbed",), outputs, inputs), kept, size, shards)
        held += allocated_bytes(stored, shards) + side
    return held + allocated_bytes(source * heads * mixer.qk_rope_head_dim * size, shards)


def _scheme(mixer: Mla, quant: QuantFacts | None, index: int) -> WeightScheme | None:
    if quant is None or mixer.plain:
        return None
    return scheme_for(quant, ("self_attn.kv_b_proj",), index, experts=False)
