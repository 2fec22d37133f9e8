"""What compiling the model allocates on a first start, by how Inductor tries its kernels.

vLLM compiles each piece between two attentions with ``torch._inductor.standalone_compile``, which sets
``triton.autotune_at_compile_time`` (PyTorch 2.8 to 2.14): before anything runs, every Triton kernel of the piece is
run once on random tensors of the sizes of its arguments (``generate_example_value``,
``generate_and_run_autotune_block`` of torch/_inductor/codegen/wrapper.py), which go when the last kernel that takes
them is done. The first piece looks up the words, and its kernel takes the whole table of the rank. Read by compiling
the models of vLLM 0.27.1 with PyTorch 2.13.0, which needs no GPU for it.

Since 0.27 all that lies on the device after the run counts, and the rise of the peak beside it: the copy counts twice
where a tensor that stays was put into what it left free (`pinned_copy`).
"""

from __future__ import annotations

from msgspec import Struct

from llminfra.catalog.models.facts import ModelFacts
from llminfra.planning.memory.peak.forward_peak import Batch
from llminfra.planning.memory.peak.pinned_copy import copy_stays
from llminfra.planning.memory.releases.engine_profile import EngineProfile
from llminfra.planning.memory.shapes import cdiv

ALONE_STREAMS, CUT_STREAMS = 2, 1
"""Residual streams beside the table in the first kernel: on one rank it writes what was looked up and the normed input
of the first layer; where the table is cut, the ranks add up between the two, and the kernel writes the former alone."""


class Compiling(Struct, frozen=True):
    """Bytes on one rank while a model is compiled for the first time, and of these what stays counted.

    Attributes:
        peak: Most that is there at once.
        stays: What the allocator cannot give back after it.
        may_stay: What it may not be able to give back, where this is not known.
    """

    peak: float = 0.0
    stays: float = 0.0
    may_stay: float = 0.0


def compiling(facts: ModelFacts, batch: Batch, profile: EngineProfile, run: float = 0.0) -> Compiling:
    """What a first start compiles on; nothing where it runs line by line, or finds a compiled model.

    ``run`` is what the run has at once after it, beside the weights. Words of models that take images are looked up
    outside of what is compiled, as long as a request may bring one.
    """
    if not profile.counts_compilation or batch.eager or batch.compiled or facts.encoders:
        return Compiling()
    table = float(cdiv(facts.vocab_size, batch.tp) * facts.hidden_size * batch.element)
    stream = batch.tokens * facts.hidden_size * batch.element
    streams = stream * (ALONE_STREAMS if batch.tp == 1 else CUT_STREAMS)
    # The tables of each layer's words are looked up by another kernel of the same piece.
    layers = float(cdiv(facts.extra_vocab_params, batch.tp) * batch.element)
    stays = copy_stays(facts, batch, run) if profile.counts_consumed else 0
    return Compiling(
        peak=max(table + streams, layers),
        stays=float(stays or 0),
        may_stay=max(table, layers) if stays is None else 0.0,
    )
