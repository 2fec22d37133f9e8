"""DeepSeek V4's caches: a window in every layer, compressed states, what makes them, and their packing into blocks.

Layers have pages of several sizes, so the engine packs one page of each layer of a group into a block. Sources:
``vllm/models/deepseek_v4/{attention,compressor}.py``, ``vllm/v1/attention/backends/mla/sparse_swa.py`` (0.33.0);
``group_and_unify_kv_cache_specs`` and ``_get_kv_cache_config_packed`` of ``vllm/v1/core/kv_cache_utils.py`` (0.26.0);
``_get_packed_kv_cache_groups`` of ``vllm/v1/core/kv_cache_planning.py`` (0.33.0).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.models.mixers import Attention, Compression
from llminfra.planning.memory.cache.kv_specs import CacheKind, CacheSpec
from llminfra.planning.memory.shapes import cdiv, round_up

ALIGNMENT = 576
"""Bytes; FlashMLA wants pages in multiples of it."""
ROW_BYTES = 584
"""One state: 448 fp8 values, 64 rotary values in 16 bit, 8 bytes of scales."""
FULL_BLOCK, WINDOW_BLOCK = 256, 64
STATE_BLOCK = {4: 4, 128: 8}


def compressed_specs(mixer: Attention, compression: Compression) -> list[CacheSpec]:
    """Caches of one layer; every rank holds all of them."""
    found = [_window(mixer.window or 128, WINDOW_BLOCK, ROW_BYTES)]
    ratio = compression.ratio
    if ratio > 1:
        found.append(_full(ratio, ROW_BYTES))
        found.append(_maker(compression, mixer.head_dim))
    if compression.indexer is not None:
        width = compression.indexer.head_dim
        found.append(_full(ratio, width + width // 128 * 4))
        found.append(_maker(compression, width))
    return found


def _full(ratio: int, row: int) -> CacheSpec:
    page = round_up(FULL_BLOCK // ratio * row, ALIGNMENT)
    return CacheSpec(kind=CacheKind.FULL, token_bytes=cdiv(row, ratio), block=FULL_BLOCK, padded_page=page)


def _window(span: int, block: int, row: int) -> CacheSpec:
    page = round_up(block * row, ALIGNMENT)
    return CacheSpec(kind=CacheKind.WINDOW, token_bytes=row, span=span, block=block, padded_page=page)


def _maker(compression: Compression, head_dim: int) -> CacheSpec:
    """What the compressor keeps of the last tokens: keys and scores in fp32."""
    span = compression.overlap * compression.ratio
    return _window(span, STATE_BLOCK[compression.ratio], 2 * compression.overlap * head_dim * 4)


def is_packed(specs: Sequence[CacheSpec]) -> bool:
    """Whether the layers have pages of their own sizes, which the engine packs."""
    return any(spec.block and spec.padded_page for spec in specs)


class Packing(Struct, frozen=True):
    """Groups of equal growth with their layer count, and the bytes of a block on every pipeline stage."""

    groups: tuple[tuple[CacheSpec, int], ...]
    stage_bytes: tuple[int, ...]


def pack(specs: Sequence[CacheSpec], stages: Sequence[int], count: int, *, widest_group: bool) -> Packing:
    """Group the layers and size a block.

    Args:
        specs: One per cache, in layer order.
        stages: Pipeline stage of each.
        count: Pipeline stages.
        widest_group: A block is as large as its largest group (0.29 and later); before, it has a slot for the most
            layers of every page size, and pages of windows are padded to the next page size of the full layers.
    """
    buckets: dict[tuple[CacheKind, int, int], list[tuple[CacheSpec, int]]] = defaultdict(list)
    for spec, stage in zip(specs, stages, strict=True):
        buckets[spec.kind, spec.span, spec.block].append((spec, stage))
    full = [members for (kind, _, _), members in buckets.items() if kind is CacheKind.FULL]
    if full and not widest_group:
        sizes = sorted({spec.padded_page for members in full for spec, _ in members})
        buckets = {key: [(_pad(spec, sizes), stage) for spec, stage in rows] for key, rows in buckets.items()}
    depth = {key: max(Counter(spec.padded_page for spec, _ in rows).values()) for key, rows in buckets.items()}
    most = max((number for (kind, _, _), number in depth.items() if kind is CacheKind.FULL), default=1)
    slots = least_padding(list(depth.values()), at_least=most)
    groups: list[list[tuple[CacheSpec, int]]] = []
    for key, rows in buckets.items():
        split = 1 if key[0] is CacheKind.FULL else cdiv(depth[key], slots)
        by_size: dict[int, list[tuple[CacheSpec, int]]] = defaultdict(list)
        for row in rows:
            by_size[row[0].padded_page].append(row)
        groups += [[row for size in by_size.values() for row in size[first::split]] for first in range(split)]
    sizes_by_stage = tuple(_block_bytes(groups, stage, widest_group=widest_group) for stage in range(count))
    return Packing(tuple((rows[0][0], len(rows)) for rows in groups), sizes_by_stage)


def _pad(spec: CacheSpec, sizes: list[int]) -> CacheSpec:
    return replace(spec, padded_page=next((size for size in sizes if size >= spec.padded_page), spec.padded_page))


def least_padding(counts: list[int], *, at_least: int) -> int:
    """Layers to a group with the fewest empty places; of equals the most (``_approximate_gcd``)."""
    choices = range(at_least, max(at_least, *counts) + 1)
    return min(choices, key=lambda size: (sum(-number % size for number in counts), -size))


def _block_bytes(groups: list[list[tuple[CacheSpec, int]]], stage: int, *, widest_group: bool) -> int:
    held = [Counter(spec.padded_page for spec, at in rows if at == stage) for rows in groups]
    if widest_group:
        return max(sum(size * number for size, number in pages.items()) for pages in held)
    sizes = {size for pages in held for size in pages}
    return sum(size * max(pages[size] for pages in held) for size in sizes)
