"""Where PyTorch's caching allocator puts large tensors, and which segments it cannot give back.

Segments come from the driver and go back whole: a segment with one small tensor in it stays. Rules and constants are
those of c10/cuda/CUDACachingAllocator.cpp of PyTorch 2.13 (``get_allocation_size``, ``get_free_block``,
``should_split``, ``release_cached_blocks``); of sizes up to 1 MiB, which have segments of their own, nothing is kept.
"""

from __future__ import annotations

MIB = 2**20
SMALL, LARGE_SEGMENT, LARGE, ROUNDED_TO = MIB, 20 * MIB, 10 * MIB, 2 * MIB
"""Bytes of tensors that small segments take; of the segment that tensors below ``LARGE`` share; of the unit of larger
segments."""


def whole_segment(size: int) -> int:
    """Bytes of the segment that a tensor of ``size`` bytes, above ``SMALL``, is given where no block is free."""
    return LARGE_SEGMENT if size < LARGE else -(-size // ROUNDED_TO) * ROUNDED_TO


class Block:
    """Part of a segment; ``used`` while a tensor is in it."""

    __slots__ = ("segment", "size", "used")

    def __init__(self, segment: Segment, size: int, *, used: bool) -> None:
        self.segment, self.size, self.used = segment, size, used


class Segment:
    """What the driver gave at once, as blocks in the order of their addresses."""

    __slots__ = ("blocks", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.blocks = [Block(self, size, used=False)]

    @property
    def used(self) -> bool:
        """Whether a tensor is in it."""
        return any(block.used for block in self.blocks)


class CachingAllocator:
    """Segments of one stream on one device.

    Attributes:
        max_split: ``max_split_size_mb`` in bytes: smaller tensors share no free block of this size; None for no limit.
    """

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self.max_split: int | None = None

    def allocate(self, size: int) -> Block | None:
        """The block of a tensor of ``size`` bytes, None where it is too small to matter."""
        if size <= SMALL:
            return None
        block = self._free_block(size) or self._new_segment(size)
        block.used = True
        left = block.size - size
        if left > SMALL and (self.max_split is None or size < self.max_split):
            blocks = block.segment.blocks
            blocks.insert(blocks.index(block) + 1, Block(block.segment, left, used=False))
            block.size = size
        return block

    def free(self, *blocks: Block | None) -> None:
        """Their tensors go, and neighbours that are free become one block."""
        for block in blocks:
            if block is None:
                continue
            block.used = False
            merged: list[Block] = []
            for item in block.segment.blocks:
                if merged and not item.used and not merged[-1].used:
                    merged[-1].size += item.size
                else:
                    merged.append(item)
            block.segment.blocks = merged

    def empty_cache(self) -> None:
        """``torch.cuda.empty_cache``: segments without a tensor go back to the driver."""
        self.segments = [segment for segment in self.segments if segment.used]

    def _free_block(self, size: int) -> Block | None:
        """The smallest free block that is large enough, in the oldest segment of several."""
        fitting = [item for segment in self.segments for item in segment.blocks if not item.used and item.size >= size]
        best = min(fitting, key=lambda item: item.size, default=None)
        oversize = self.max_split is not None and best is not None and size < self.max_split <= best.size
        return None if oversize else best

    def _new_segment(self, size: int) -> Block:
        segment = Segment(whole_segment(size))
        self.segments.append(segment)
        return segment.blocks[0]
