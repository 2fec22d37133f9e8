"""Whether the copy that a first start compiles on stays reserved, by where the allocator puts cuBLAS's workspace.

Since 0.27 vLLM counts all that lies on the device after the profiling run, and the rise of the peak beside it. The
copy's segment is free by then, and the first product of the run allocates PyTorch's workspace for cuBLAS, which is kept
for good: in the smallest free block that is large enough. Where only the copy's segment has such a block, the segment
cannot go back to the driver and counts twice. With the first runner the sampler's buffer follows, a row of the
vocabulary for each multiprocessor (``_TRITON_BUFFER_CACHE``, which the profiling run allocates whoever samples later).

What happens before follows from vLLM 0.27.1 and PyTorch 2.13.0: loading (``_scoped_allocator_max_split`` of
v1/worker/gpu_worker.py; rotary tables of model_executor/layers/rotary_embedding/base.py), then an emptied cache
(``get_current_memory_usage`` of platforms/cuda.py), the sampler's buffers (v1/worker/gpu/sample), an emptied cache
again (``memory_profiling``), Inductor's trials of each piece, and the first layer of the run. Inductor's trials of
horizontally fused kernels end with an emptied cache, but are made for the first piece alone: later pieces have the same
kernels, whose times are on disk by then (``benchmark_combo_kernel`` of torch/_inductor/codegen/triton.py). Where the
first layers are recurrent and attention follows, its piece comes later and has kernels side by side that the first has
not (weights of the norms of queries and keys, qwen3_next.py): their trial empties the cache when the copy is free.

First starts agree: the copy stayed with Qwen2.5 7B on L4 and A10G and Llama 3.2 3B on L4 (0.27.1, 0.28.0), and did not
with Qwen3 8B and 14B on RTX 4090 and L40S, with Llama 3.1 8B and Qwen2.5 7B of 262,144 positions on RTX 3090 (0.28.0),
nor with Qwen3 14B in AWQ on L4 and L40S. A build of July 2026 kept none of Qwen2.5 7B on an A40; whether it already
counted as 0.27 does is not known. Three first starts of Qwen3.8 27B in W4A16 on an RTX 3090 Ti (0.27.1) kept none.
"""

from __future__ import annotations

from typing import NamedTuple

from llminfra.catalog.models.facts import DenseMlp, Layer, ModelFacts
from llminfra.catalog.models.mixers import Attention
from llminfra.planning.memory.peak.allocator import (
    LARGE,
    LARGE_SEGMENT,
    SMALL,
    CachingAllocator,
    Segment,
    whole_segment,
)
from llminfra.planning.memory.peak.forward_peak import Batch, Products
from llminfra.planning.memory.shapes import cdiv

ROWS = (1024, 1024, 1024, 128, 1024, 129, 128)
"""int32 columns that the second runner's sampler has for every sequence: allowed tokens, biased tokens and their
biases, stop tokens, bad words and their offsets, tokens with log probabilities (v1/worker/gpu/sample 0.27.1)."""


def copy_stays(facts: ModelFacts, batch: Batch, run: float) -> int | None:
    """Bytes of the copy's segment that stay counted beside it after a first start; None where this is not known.

    Known are decoders of plain attention and plain feed-forward blocks on one rank of the second runner, whose matrices
    are multiplied by cuBLAS, or by Marlin. Small matrices share segments, and what they leave of them is not known; nor
    is where the workspace goes when one or two sequences leave all of the sampler's buffers in small segments: Qwen3 8B
    on L4 with one sequence (0.28.0) did not keep the copy.
    With the first runner it is known where no other segment can hold the sampler's buffer: all that the run has at once
    (``run`` bytes) came from the copy's.
    """
    if batch.tp > 1:
        return None
    if batch.sampler_rows and facts.generative:
        return _under_sampler(facts, batch, run)
    shape = _shape(facts)
    if shape is None or batch.products is Products.UNKNOWN:
        return None
    if batch.products is Products.MARLIN:
        # cuBLAS multiplies by the head alone. One of the two streams that the copy came with is free by then.
        return 0 if _stream(facts, batch) >= batch.workspace_bytes else None
    if shape.smallest * facts.hidden_size * batch.element < LARGE:
        return None
    if batch.sequences * facts.vocab_size * 4 <= SMALL:
        return None
    memory = CachingAllocator()
    _load(memory, facts, batch.element)
    _keep_sampler(memory, facts, batch)
    memory.max_split = None
    memory.empty_cache()
    copied = _try_first_piece(memory, facts, shape, batch)
    _try_next_piece(memory, facts, shape, batch)
    _run_first_layer(memory, facts, shape, batch)
    # The workspace counts with the segment that it lies in, and is taken off the peak beside it.
    return max(0, copied.size - 2 * batch.workspace_bytes) if copied is not None and copied.used else 0


def _under_sampler(facts: ModelFacts, batch: Batch, run: float) -> int | None:
    buffer = batch.sampler_rows * facts.vocab_size * 4
    table = facts.vocab_size * facts.hidden_size * batch.element
    if buffer <= max(LARGE_SEGMENT, _stream(facts, batch)) or max(buffer, run) > table:
        return None
    if _attends_later(facts):
        return 0
    return max(0, whole_segment(table) - buffer - 2 * batch.workspace_bytes)


def _attends_later(facts: ModelFacts) -> bool:
    attends = [isinstance(layer.mixer, Attention) for layer in facts.layers]
    return any(attends) and not attends[0]


class _Shape(NamedTuple):
    """Columns of a layer: queries, keys, all of attention's input, the feed-forward block's first product, its last."""

    queries: int
    keys: int
    attention: int
    first: int
    last: int

    @property
    def smallest(self) -> int:
        """Of the layer's matrices, whose rows are the model's width."""
        return min(self.attention, self.queries, self.first, self.last)


def _shape(facts: ModelFacts) -> _Shape | None:
    """That of all layers; None where they differ, or are not plain attention and a plain feed-forward block."""
    shapes = {_layer_shape(layer) for layer in facts.layers}
    return shapes.pop() if len(shapes) == 1 else None


def _layer_shape(layer: Layer) -> _Shape | None:
    mixer, mlp = layer.mixer, layer.mlp
    if not isinstance(mixer, Attention) or not isinstance(mlp, DenseMlp) or layer.second_mixer is not None:
        return None
    if mixer.compression is not None or mixer.cross or mixer.shares_cache:
        return None
    queries, keys = mixer.heads * mixer.head_dim, mixer.kv_heads * mixer.head_dim
    return _Shape(queries, keys, queries + 2 * keys, mlp.intermediate * (2 if mlp.gated else 1), mlp.intermediate)


def _stream(facts: ModelFacts, batch: Batch) -> int:
    return batch.tokens * facts.hidden_size * batch.element


def _load(memory: CachingAllocator, facts: ModelFacts, unit: int) -> None:
    """Rotary tables, which are made in fp32, beside parameters in segments of their own; then the cache is emptied."""
    memory.max_split = LARGE_SEGMENT
    for rows, width in facts.rope_tables:
        parts = [memory.allocate(rows * width // 2 * 4) for _ in ("angles", "cosines", "sines")]
        joined = memory.allocate(rows * width * 4)
        memory.free(*parts)
        memory.allocate(rows * width * unit)
        memory.free(joined)
    memory.empty_cache()


def _keep_sampler(memory: CachingAllocator, facts: ModelFacts, batch: Batch) -> None:
    """A bit for each token of the vocabulary that a prompt has, counts of those made, rows, bits of a grammar."""
    bits = batch.sequences * cdiv(facts.vocab_size, 32) * 4
    for size in (bits, batch.sequences * facts.vocab_size * 4, *(batch.sequences * row * 4 for row in ROWS), bits):
        memory.allocate(size)


def _try(memory: CachingAllocator, *sizes: int) -> None:
    """One kernel on random tensors."""
    memory.free(*[memory.allocate(size) for size in sizes])


def _try_attention_input(memory: CachingAllocator, facts: ModelFacts, shape: _Shape, batch: Batch) -> None:
    tables = [rows * width * batch.element for rows, width in facts.rope_tables[:1]]
    rows = batch.tokens * batch.element
    _try(memory, rows * shape.attention, *tables, rows * shape.queries, rows * shape.keys)


def _try_first_piece(memory: CachingAllocator, facts: ModelFacts, shape: _Shape, batch: Batch) -> Segment | None:
    """Trials of the kernels up to the first attention; the answer is the segment of the copied table."""
    table = memory.allocate(facts.vocab_size * facts.hidden_size * batch.element)
    streams = [memory.allocate(_stream(facts, batch)) for _ in ("looked up", "normed")]
    memory.free(table, *streams)
    _try_attention_input(memory, facts, shape, batch)
    return table.segment if table is not None else None


def _try_next_piece(memory: CachingAllocator, facts: ModelFacts, shape: _Shape, batch: Batch) -> None:
    """Trials of the kernels between two attentions."""
    stream, rows = _stream(facts, batch), batch.tokens * batch.element
    held = [memory.allocate(stream) for _ in ("projected", "residual")]
    _try(memory, stream)
    _try(memory, rows * shape.first, rows * shape.last)
    _try(memory, stream, stream, stream)
    memory.free(*held)
    _try_attention_input(memory, facts, shape, batch)


def _run_first_layer(memory: CachingAllocator, facts: ModelFacts, shape: _Shape, batch: Batch) -> None:
    """What is there when the first product asks for its workspace, which stays; all else goes with the run."""
    stream = _stream(facts, batch)
    alive = [memory.allocate(size) for size in (stream, stream, batch.tokens * shape.attention * batch.element)]
    memory.allocate(batch.workspace_bytes)
    memory.free(*alive)
