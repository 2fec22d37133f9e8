"""The cache layout against the engine's rules, written out a second time in the plainest way."""

from hypothesis import given, settings
from hypothesis import strategies as st

from llminfra.planning.memory.cache.kv_plan import plan_cache
from llminfra.planning.memory.cache.kv_specs import CacheKind, CacheSpec

FULL = st.builds(CacheSpec, kind=st.just(CacheKind.FULL), token_bytes=st.sampled_from([1024, 2048]))
WINDOW = st.builds(
    CacheSpec, kind=st.just(CacheKind.WINDOW), token_bytes=st.sampled_from([1024, 2048]), span=st.sampled_from([512])
)
STATE = st.builds(CacheSpec, kind=st.just(CacheKind.STATE), token_bytes=st.integers(10_000, 3_000_000))
LAYERS = st.lists(st.one_of(FULL, WINDOW), min_size=1, max_size=24)


def plan(specs, **changes):
    return plan_cache(specs, **({"block_size": 16, "hybrid_manager": True, "by_concurrency": False} | changes))


@settings(deadline=None)
@given(layers=LAYERS, stages=st.integers(1, 4), data=st.data())
def test_every_stage_holds_its_layers_and_no_more_than_the_whole(layers, stages, data):
    stage_of = sorted(data.draw(st.lists(st.integers(0, stages - 1), min_size=len(layers), max_size=len(layers))))
    whole, cut = plan(layers), plan(layers, stage_of=stage_of, stage_count=stages)
    assert [spec for spec, _ in cut.groups] == [spec for spec, _ in whole.groups]
    assert max(cut.stage_bytes) == cut.bytes_per_block <= whole.bytes_per_block
    assert sum(cut.stage_bytes) >= whole.bytes_per_block * (len(whole.groups) == 1)
    for stage, size in enumerate(cut.stage_bytes):
        assert (size > 0) == (stage in stage_of)


@settings(deadline=None)
@given(layers=st.lists(FULL, min_size=1, max_size=24), length=st.integers(1, 100_000))
def test_full_attention_costs_the_sum_of_its_layers(layers, length):
    found = plan(layers)
    per_token = sum(layer.token_bytes for layer in layers)
    assert found.bytes_per_token(length, 2048) == per_token
    assert found.needed_bytes(length, 2048) == -(-length // 16) * 16 * per_token


@settings(deadline=None)
@given(
    full=st.integers(1, 12),
    windows=st.integers(1, 48),
    length=st.integers(1024, 200_000),
    batched=st.sampled_from([2048, 8192, 16384]),
)
def test_windows_cost_their_groups_and_at_most_window_and_batch(full, windows, length, batched):
    layers = [CacheSpec(kind=CacheKind.FULL, token_bytes=2048)] * full
    layers += [CacheSpec(kind=CacheKind.WINDOW, token_bytes=2048, span=512)] * windows
    found = plan(layers, group_slack=1.5)
    fewest, most = sorted((full, windows))
    size = most if most < fewest * 1.5 else fewest
    groups = -(-full // size), -(-windows // size)
    window_blocks = -(-min(511 + batched, length) // 16) + 1
    blocks = groups[0] * -(-length // 16) + groups[1] * window_blocks
    assert found.needed_bytes(length, batched) == blocks * 16 * 2048 * size


@settings(deadline=None)
@given(state=STATE, full=st.integers(1, 12), recurrent=st.integers(1, 36), states=st.integers(1, 5))
def test_attention_pages_hold_a_state(state, full, recurrent, states):
    layers = [CacheSpec(kind=CacheKind.FULL, token_bytes=2048)] * full + [state] * recurrent
    found = plan(layers, states=states)
    assert found.block_size % 16 == 0
    assert found.block_size * 2048 >= state.token_bytes
    assert (found.block_size - 16) * 2048 < state.token_bytes
    kinds = [spec.kind for spec, _ in found.groups]
    full_blocks = -(-4096 // found.block_size)
    assert (
        found.blocks_per_request(4096, 2048)
        == kinds.count(CacheKind.FULL) * full_blocks + kinds.count(CacheKind.STATE) * states
    )


@settings(deadline=None)
@given(layers=LAYERS, length=st.integers(1, 60_000), memory=st.integers(0, 10**11))
def test_longest_request_fits_and_one_more_block_does_not(layers, length, memory):
    found = plan(layers)
    longest = found.longest(memory, length, 2048)
    assert 0 <= longest <= length
    if longest:
        assert found.needed_bytes(longest, 2048) <= memory
    if longest < length:
        assert found.needed_bytes(longest + 1, 2048) > memory
