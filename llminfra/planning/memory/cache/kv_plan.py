"""From free memory to blocks, tokens and concurrency: the engine's grouping of cache layers.

vLLM's hybrid manager splits layers of different growth into groups of equal layer count that share one pool of pages;
a token then costs a page slice in every group. Without the manager every attention layer is treated as full attention.
Sources: ``vllm/v1/core/kv_cache_utils.py`` 0.8.5-0.29.0 and ``kv_cache_planning.py`` 0.33.0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from llminfra.planning.memory.cache.compressed_cache import FULL_BLOCK, is_packed, pack
from llminfra.planning.memory.cache.kv_specs import CacheKind, CacheSpec
from llminfra.planning.memory.cache.packed_states import has_rings, pack_states
from llminfra.planning.memory.shapes import cdiv


class CachePlan(Struct, frozen=True, kw_only=True):
    """How the cache is laid out.

    Attributes:
        block_size: Tokens in a page of the attention layers, after the engine raised it for recurrent layers.
        groups: One spec and the number of layers per group.
        bytes_per_block: Pool bytes behind one block id, on the pipeline stage with the most.
        stage_bytes: The same of every stage.
        states: Recurrent states that a request holds.
        by_concurrency: Tokens are reported as concurrency times the context length (0.20.1 and later).
    """

    block_size: int
    groups: tuple[tuple[CacheSpec, int], ...]
    bytes_per_block: int
    stage_bytes: tuple[int, ...] = ()
    states: int = 1
    by_concurrency: bool = False

    def of_stage(self, stage: int) -> CachePlan:
        """The plan as one pipeline stage sees it: the same groups, its own bytes behind a block id."""
        return replace(self, bytes_per_block=self.stage_bytes[stage]) if self.stage_bytes else self

    def of_all_stages(self) -> CachePlan:
        """The plan with the bytes of all stages behind a block id."""
        return replace(self, bytes_per_block=sum(self.stage_bytes)) if self.stage_bytes else self

    def blocks(self, available_bytes: float) -> int:
        """Block ids that fit."""
        if self.bytes_per_block <= 0:
            return 0
        return max(0, int(available_bytes // self.bytes_per_block))

    def blocks_per_request(self, length: int, batched: int) -> int:
        """Block ids that one request of ``length`` tokens may hold."""
        return sum(spec.pages(length, batched, self.block_size, self.states) for spec, _ in self.groups)

    def needed_bytes(self, length: int, batched: int) -> int:
        """Cache bytes for one request of ``length`` tokens."""
        return self.blocks_per_request(length, batched) * self.bytes_per_block

    def concurrency(self, blocks: int, length: int, batched: int) -> float:
        """Requests of ``length`` tokens that fit at once."""
        per_request = self.blocks_per_request(length, batched)
        return blocks / per_request if per_request else 0.0

    def tokens(self, blocks: int, length: int, batched: int) -> int:
        """Tokens as the engine prints them."""
        if not self.groups:
            return 0
        if self.by_concurrency:
            return int(self.concurrency(blocks, length, batched) * length)
        smallest = min(spec.block or self.block_size for spec, _ in self.groups)
        return blocks // len(self.groups) * smallest

    def bytes_per_token(self, length: int, batched: int) -> float:
        """Cache bytes behind one printed token."""
        if not self.groups:
            return 0.0
        if self.by_concurrency:
            return self.needed_bytes(length, batched) / length
        smallest = min(spec.block or self.block_size for spec, _ in self.groups)
        return self.bytes_per_block * len(self.groups) / smallest

    def longest(self, available_bytes: float, limit: int, batched: int) -> int:
        """Longest request that fits, at most ``limit`` tokens; 0 when none does."""
        if self.needed_bytes(1, batched) > available_bytes:
            return 0
        low, high = 1, limit
        while low < high:
            middle = (low + high + 1) // 2
            if self.needed_bytes(middle, batched) <= available_bytes:
                low = middle
            else:
                high = middle - 1
        return low


def plan_cache(
    specs: Sequence[CacheSpec],
    *,
    block_size: int,
    hybrid_manager: bool,
    by_concurrency: bool,
    group_slack: float = 1.25,
    alignment: int = 16,
    states: int = 1,
    stage_of: Sequence[int] = (),
    stage_count: int = 1,
    widest_group: bool = False,
) -> CachePlan:
    """Lay out the caches of all layers.

    Args:
        specs: One per cache, in layer order.
        block_size: Tokens per page that the engine starts from.
        hybrid_manager: Window layers free what left the window.
        by_concurrency: See `CachePlan`.
        group_slack: Layer counts within this ratio are padded to one group each instead of being split.
        alignment: Attention block sizes are multiples of this when raised for recurrent states.
        states: Recurrent states per request.
        stage_of: Pipeline stage of every spec; groups are made for the whole model and every stage holds its layers of
            each group (``_project_kv_cache_groups_to_worker``). Empty for one stage.
        stage_count: Pipeline stages; some may hold no cache.
        widest_group: See `compressed_cache.pack`.
    """
    stages = [stage for spec, stage in zip(specs, stage_of or [0] * len(specs), strict=True) if spec.token_bytes > 0]
    count = stage_count
    # Layers that attend to images hold encoder tokens, but V0, which alone serves them, gives them equal pages.
    cached = [
        replace(spec, kind=CacheKind.FULL) if spec.kind is CacheKind.CROSS and not spec.span else spec
        for spec in specs
        if spec.token_bytes > 0
    ]
    if hybrid_manager and has_rings(cached):
        cached, block_size = _align_states(cached, block_size, alignment)
        packing = pack_states(cached, stages, count, block_size)
        return CachePlan(
            block_size=max([block_size, *(spec.block for spec in cached)]),
            groups=packing.groups,
            bytes_per_block=max(packing.stage_bytes),
            stage_bytes=packing.stage_bytes,
            states=states,
            by_concurrency=by_concurrency,
        )
    if is_packed(cached):
        packing = pack(cached, stages, count, widest_group=widest_group)
        return CachePlan(
            block_size=FULL_BLOCK,
            groups=packing.groups,
            bytes_per_block=max(packing.stage_bytes),
            stage_bytes=packing.stage_bytes,
            states=states,
            by_concurrency=by_concurrency,
        )
    if not hybrid_manager:
        cached = _all_full(cached)
    cached, block_size = _align_states(cached, block_size, alignment)
    kinds = {(spec.kind, spec.span) for spec in cached}
    if len(kinds) <= 1:
        total = sum(spec.page_bytes(block_size) for spec in cached)
        staged = [0] * count
        for spec, stage in zip(cached, stages, strict=True):
            staged[stage] += spec.page_bytes(block_size)
        one: list[tuple[CacheSpec, int]] = []
        if cached:
            one.append((replace(cached[0], token_bytes=0, padded_page=total), len(cached)))
        return CachePlan(
            block_size=block_size,
            groups=tuple(one),
            bytes_per_block=max(staged),
            stage_bytes=tuple(staged),
            states=states,
            by_concurrency=by_concurrency,
        )
    cached = _unify_pages(cached, block_size)
    counts = Counter(cached)
    fewest, most = min(counts.values()), max(counts.values())
    size = most if most < fewest * group_slack else fewest
    groups = tuple((spec, size) for spec, number in counts.items() for _ in range(cdiv(number, size)))
    page = max(spec.page_bytes(block_size) for spec in cached)
    if count == 1:
        deepest = [size]
    else:
        deepest = [0] * count
        for spec, number in counts.items():
            members = [stage for item, stage in zip(cached, stages, strict=True) if item == spec]
            split = cdiv(number, size)
            for first in range(split):
                held = Counter(members[first::split])
                deepest = [max(most, held[stage]) for stage, most in enumerate(deepest)]
    return CachePlan(
        block_size=block_size,
        groups=groups,
        bytes_per_block=page * max(deepest),
        stage_bytes=tuple(page * number for number in deepest),
        states=states,
        by_concurrency=by_concurrency,
    )


def _all_full(specs: list[CacheSpec]) -> list[CacheSpec]:
    if any(spec.kind is CacheKind.FULL for spec in specs):
        return [
            replace(spec, kind=CacheKind.FULL, span=0) if spec.kind in {CacheKind.WINDOW, CacheKind.CHUNK} else spec
            for spec in specs
        ]
    return specs


def _align_states(specs: list[CacheSpec], block_size: int, alignment: int) -> tuple[list[CacheSpec], int]:
    """Raise the block size until an attention page holds a recurrent state; pad the states to that page."""
    states = [spec for spec in specs if spec.kind is CacheKind.STATE]
    attention = [spec for spec in specs if spec.kind not in {CacheKind.STATE, CacheKind.RING}]
    if not states or not attention:
        return specs, block_size
    token = max(spec.token_bytes for spec in attention)
    largest = max(spec.token_bytes for spec in states)
    block_size = max(block_size, alignment * cdiv(largest, alignment * token))
    page = block_size * token
    return [replace(spec, padded_page=page) if spec.kind is CacheKind.STATE else spec for spec in specs], block_size


def _unify_pages(specs: list[CacheSpec], block_size: int) -> list[CacheSpec]:
    """Equal page bytes: smaller layers get more tokens per page, or padding where sizes do not divide."""
    largest = max(spec.page_bytes(block_size) for spec in specs)
    unified = []
    for spec in specs:
        page = spec.page_bytes(block_size)
        if page == largest:
            unified.append(spec)
        elif spec.kind is not CacheKind.STATE and largest % page == 0:
            unified.append(replace(spec, block=(spec.block or block_size) * (largest // page)))
        else:
            unified.append(replace(spec, padded_page=largest))
    return unified
