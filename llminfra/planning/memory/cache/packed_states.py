"""Layers with pages of several sizes and a ring: Qwen4, GLM-5.3-Flash and DeepSeek V4.1.

A block holds one page of each layer of a group. Layers that grow with the context are one group; states of one size are
dealt out to as many groups as it takes not to widen the block; a ring takes a block of every request. Sources:
``_get_packed_kv_cache_groups`` of ``vllm/v1/core/kv_cache_utils.py`` (0.29.0 to 0.32.0) and of ``kv_cache_planning.py``
(0.33.0).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from llminfra.planning.memory.cache.compressed_cache import Packing, least_padding
from llminfra.planning.memory.cache.kv_specs import CacheKind, CacheSpec
from llminfra.planning.memory.shapes import cdiv, round_up

_Row = tuple[CacheSpec, int]


def has_rings(specs: Sequence[CacheSpec]) -> bool:
    """Whether keys are pooled, so that a ring keeps those of the open pool."""
    return any(spec.kind is CacheKind.RING for spec in specs)


def pack_states(specs: Sequence[CacheSpec], stages: Sequence[int], count: int, block_size: int) -> Packing:
    """Group the layers and size a block.

    Args:
        specs: One per cache, in layer order, states padded to a page of attention.
        stages: Pipeline stage of each.
        count: Pipeline stages.
        block_size: Tokens of a page of attention.
    """
    buckets: dict[tuple[CacheKind, int], list[_Row]] = defaultdict(list)
    for spec, stage in zip(specs, stages, strict=True):
        buckets[spec.kind, 0 if spec.kind is CacheKind.FULL else spec.token_bytes].append((spec, stage))
    pages_of = {key: _by_page(rows, block_size) for key, rows in buckets.items()}
    sizes = {key: [len(rows) for rows in pages] for key, pages in pages_of.items()}
    balanced = {key: counts[0] for key, counts in sizes.items() if len(set(counts)) == 1}
    floor = max((number for key, number in balanced.items() if len(sizes[key]) > 1), default=0)
    repeats = least_padding(list(balanced.values()), at_least=floor) if floor else 0
    split = {key: cdiv(number, repeats) if repeats else 1 for key, number in balanced.items()}
    # States and windows can go down to one a group, where no other layers repeat in a pattern.
    small = {key for key in sizes if key[0] is CacheKind.STATE or (key[0] is CacheKind.WINDOW and not repeats)}
    least = {key: sum(sizes[key]) if key in small else split.get(key, 1) for key in buckets}
    anchor = max(
        sum(cdiv(len(rows), least[key]) * rows[0][0].page_bytes(block_size) for rows in pages)
        for key, pages in pages_of.items()
    )
    groups: list[list[_Row]] = []
    for key, rows in buckets.items():
        pieces = split.get(key, 1)
        if key in small:
            fitting = max(1, anchor // rows[0][0].page_bytes(block_size))
            pieces = max(pieces, cdiv(len(rows), fitting))
        groups += [[row for page in pages_of[key] for row in page[first::pieces]] for first in range(pieces)]
    stride = math.lcm(*(spec.stride for spec in specs))
    held = [
        round_up(max(sum(spec.page_bytes(block_size) for spec, at in rows if at == stage) for rows in groups), stride)
        for stage in range(count)
    ]
    return Packing(tuple((rows[0][0], len(rows)) for rows in groups), tuple(held))


def _by_page(rows: Sequence[_Row], block_size: int) -> list[list[_Row]]:
    found: dict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        found[row[0].page_bytes(block_size)].append(row)
    return list(found.values())
