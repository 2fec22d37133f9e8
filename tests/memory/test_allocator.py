"""PyTorch's caching allocator, as far as it decides which segments go back to the driver."""

from hypothesis import given
from hypothesis import strategies as st

from llminfra.planning.memory.peak.allocator import LARGE_SEGMENT, MIB, CachingAllocator


def sizes(memory):
    """MiB of every block by segment, negative where it is free."""
    return [[block.size / MIB * (1 if block.used else -1) for block in item.blocks] for item in memory.segments]


def test_small_tensors_share_a_segment_and_large_ones_have_their_own():
    memory = CachingAllocator()
    memory.allocate(8 * MIB)
    memory.allocate(10 * MIB)
    memory.allocate(11 * MIB)
    assert memory.allocate(MIB) is None
    assert sizes(memory) == [[8, 10, -2], [12]]


def test_the_smallest_free_block_that_is_large_enough_is_taken():
    memory = CachingAllocator()
    blocks = [memory.allocate(size * MIB) for size in (100, 16, 30)]
    memory.free(*blocks)
    memory.allocate(14 * MIB)
    assert sizes(memory) == [[-100], [14, -2], [-30]]
    memory.allocate(20 * MIB)
    assert sizes(memory) == [[-100], [14, -2], [20, -10]]


def test_neighbours_that_are_free_become_one_and_only_whole_segments_go_back():
    memory = CachingAllocator()
    table = memory.allocate(100 * MIB)
    memory.free(table)
    first, second = memory.allocate(18 * MIB), memory.allocate(8 * MIB)
    memory.free(first)
    memory.empty_cache()
    assert sizes(memory) == [[-18, 8, -74]]
    memory.free(second)
    assert sizes(memory) == [[-100]]
    memory.empty_cache()
    assert memory.segments == []


def test_a_limit_to_splitting_keeps_small_tensors_out_of_large_blocks():
    memory = CachingAllocator()
    memory.max_split = LARGE_SEGMENT
    memory.free(memory.allocate(8 * MIB))
    memory.allocate(5 * MIB)
    assert sizes(memory) == [[-20], [5, -15]]
    memory.allocate(30 * MIB)
    memory.max_split = None
    memory.allocate(16 * MIB)
    assert sizes(memory) == [[16, -4], [5, -15], [30]]


@given(
    steps=st.lists(st.tuples(st.integers(1, 200), st.booleans()), max_size=40),
    limit=st.sampled_from([None, LARGE_SEGMENT]),
)
def test_blocks_fill_their_segments_and_nothing_is_lost(steps, limit):
    memory, alive = CachingAllocator(), []
    memory.max_split = limit
    for size, goes in steps:
        block = memory.allocate(size * MIB)
        if block is not None:
            alive.append((block, size * MIB))
        if goes and alive:
            memory.free(alive.pop(0)[0])
        for segment in memory.segments:
            assert sum(item.size for item in segment.blocks) == segment.size
            assert not any(not a.used and not b.used for a, b in zip(segment.blocks, segment.blocks[1:], strict=False))
    assert all(block.used and block.size >= size for block, size in alive)
    memory.free(*(block for block, _ in alive))
    memory.empty_cache()
    assert memory.segments == []
