"""DeepSeek V4.1's caches: a window in every layer, and states with their keys in the few layers that keep them.

Sources: ``vllm/models/deepseek_v41/{attention,compressor}.py`` and ``vllm/v1/attention/backends/mla/sparse_swa.py``
(0.30.0 to 0.33.0).
"""

from __future__ import annotations

from llminfra.catalog.models.mixers import Attention, SharedCompression
from llminfra.planning.memory.cache.compressed_cache import ALIGNMENT, ROW_BYTES
from llminfra.planning.memory.cache.kv_specs import CacheKind, CacheSpec
from llminfra.planning.memory.shapes import cdiv, power_of_two, round_up

WINDOW_BLOCK = 32
SHARED_BLOCK = 128
"""Tokens of a block of states, but on Hopper, whose kernel wants 64 (``get_supported_kernel_block_sizes``)."""
BLACKWELL_ROW, BLACKWELL_ALIGNMENT = 528, 512
"""A state on compute capability 10: 512 fp8 values and their scales (``_use_v41_mxfp8_kv_record``)."""
LEAST_RING = 8


def shared_specs(
    mixer: Attention, compression: SharedCompression, *, drafted: int = 0, block: int = 0, blackwell: str = ""
) -> list[CacheSpec]:
    """Caches of one layer; every rank holds all of them. ``blackwell`` as in `kv_specs.plain_sparse`."""
    own = blackwell == "any"
    row, alignment = (BLACKWELL_ROW, BLACKWELL_ALIGNMENT) if own else (ROW_BYTES, ALIGNMENT)
    window = CacheSpec(
        kind=CacheKind.WINDOW,
        token_bytes=row,
        span=mixer.window or 128,
        block=WINDOW_BLOCK,
        padded_page=round_up(WINDOW_BLOCK * row, alignment),
        stride=row if own else 1,
    )
    if not compression.states:
        return [window]
    block = block or SHARED_BLOCK
    rows = [row]
    if compression.indexer is not None:
        width = compression.indexer.head_dim
        rows.append(width + width // 128 * 4)
    found = [window]
    for item in rows:
        page = round_up(block // compression.states * item, alignment)
        token = cdiv(item, compression.states)
        found.append(CacheSpec(kind=CacheKind.FULL, token_bytes=token, block=block, padded_page=page))
    if compression.states > 1:
        # Values and scores in fp32 of the open state, of drafted tokens and one more.
        ring = max(LEAST_RING, power_of_two(drafted + 2)) * 2 * mixer.head_dim * 4
        found.append(CacheSpec(kind=CacheKind.RING, token_bytes=ring))
    return found
