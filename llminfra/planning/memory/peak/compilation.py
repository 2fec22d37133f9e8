"""What compiling the model allocates on a first start, by how Inductor tries its kernels.

vLLM compiles each piece between two attentions with ``torch._inductor.standalone_compile``, which sets
``triton.autotune_at_compile_time`` (PyTorch 2.8 to 2.14): before anything runs, every Triton kernel of the piece is
run once on random tensors of the sizes of its arguments (``generate_example_value``,
``generate_and_run_autotune_block`` of torch/_inductor/codegen/wrapper.py), which go when the last kernel that takes
them is done. The first piece looks up the words, and its kernel takes the whole table of the rank. Read by compiling
the models of vLLM 0.27.1 with PyTorch 2.13.0, which needs no GPU for it.

Since 0.27 all that lies on the device after the run counts, and the rise of the peak beside it: where a tensor that
stays was put into what the copy had left free, the allocator cannot give the copy's memory back, and it counts twice.
Which tensor that is, the source does not tell. What is missing says so of Qwen2.5 1.5B and 7B, Llama 3.2 3B and Qwen3
4B on one L4, A10G or T4, whose streams of 2,048 tokens have 6 to 14 MiB; one log shows it. It was not there with Qwen3
8B and 14B on L4, L40S and RTX 4090, whose streams have 16 and 20, nor with Qwen2.5 0.5B and 1.5B on laptops' cards.
"""

from __future__ import annotations

from msgspec import Struct

from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory.peak.forward_peak import Batch
from llminfra.planning.memory.releases.engine_profile import EngineProfile
from llminfra.planning.memory.shapes import cdiv

ALONE_STREAMS, CUT_STREAMS = 2, 1
"""Residual streams beside the table in the first kernel: on one rank it writes what was looked up and the normed input
of the first layer; where the table is cut, the ranks add up between the two, and the kernel writes the former alone."""

PINNED_BELOW = 16 * 2**20
"""Bytes of a residual stream from which no start was seen whose copy stayed."""


class Compiling(Struct, frozen=True):
    """Bytes on one rank while a model is compiled for the first time, and of these what stays counted.

    Attributes:
        peak: Most that is there at once.
        pinned: What the allocator may not be able to give back after it.
    """

    peak: float = 0.0
    pinned: float = 0.0


def compiling(facts: ModelFacts, batch: Batch, profile: EngineProfile) -> Compiling:
    """What a first start compiles on; nothing where it runs line by line, or finds a compiled model.

    Words of models that take images are looked up outside of what is compiled, as long as a request may bring one.
    """
    if not profile.counts_compilation or batch.eager or batch.compiled or facts.encoders:
        return Compiling()
    table = float(cdiv(facts.vocab_size, batch.tp) * facts.hidden_size * batch.element)
    stream = batch.tokens * facts.hidden_size * batch.element
    streams = stream * (ALONE_STREAMS if batch.tp == 1 else CUT_STREAMS)
    # The tables of each layer's words are looked up by another kernel of the same piece.
    layers = float(cdiv(facts.extra_vocab_params, batch.tp) * batch.element)
    stays = profile.counts_consumed and stream < PINNED_BELOW
    return Compiling(peak=max(table + streams, layers), pinned=max(table, layers) if stays else 0.0)
