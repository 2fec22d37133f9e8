"""Places for LoRA adapters on one rank: two matrices for every matrix of the model that may be adapted.

A place is as large as an adapter of the largest rank that changes every module. The first matrix takes the inputs to
the rank, the second the rank to the outputs, as ``create_lora_weights`` of vllm/lora/layers allocates them (0.6.4.post1
to 0.33.0; `data/adapters.json` says what changed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.planning.memory.releases.adapter_rules import EMBEDDING, HEAD, AdapterSettings
from llminfra.planning.memory.shapes import Kind, Matrix, Shards, cdiv, padded_vocab, pipeline_ranges, round_up
from llminfra.planning.memory.weights.layer_parts import layer_parts
from llminfra.planning.memory.weights.stored_bytes import allocated_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from llminfra.catalog.models.facts import Layer, ModelFacts

_ROWS = frozenset({"o_proj", "down_proj", "out_proj", "c_proj", "fc2_latent_proj"})
"""Modules that ranks cut along their inputs."""
_WHOLE = frozenset({"gate", "router", "shared_expert_gate", "q_a_proj", "kv_a_proj_with_mqa"})
"""Modules that every rank holds whole."""
_SLICES = {
    "linear_attn.in_proj_qkv": 3,
    "linear_attn.in_proj_b": 2,
    "mamba.in_proj": 5,
    "mixer.in_proj": 2,
    "feed_forward.shared_expert.gate_proj": 2,
}
"""Matrices that `layer_parts` has as one and engines adapt apart, by the last of their names: queries, keys and values;
both gates; gate, values, keys, queries and steps of Mamba 2; both halves of Mamba; gate and values."""
_TOKEN_BYTES = 5 * 8 + 2 * 2 * 4
"""Indices of every token: ``PunicaWrapperBase`` and two of ``LoRAKernelMeta`` (vllm/lora/punica_wrapper)."""
_SEQUENCE_BYTES = 3 * 8
_MAPPING_BYTES = 8


class AdapterBytes(Struct, frozen=True, kw_only=True):
    """Bytes on one rank of a pipeline stage.

    Attributes:
        layers: Matrices of the decoder's layers.
        ends: Those of the embedding and the head, with the rows that adapters may add.
        indices: Which token belongs to which adapter.
    """

    layers: float
    ends: float
    indices: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.layers + self.ends + self.indices


class Pair(Struct, frozen=True, kw_only=True):
    """The two matrices of one adapted module on a rank, for each unit of rank."""

    inputs: int
    outputs: int
    count: int = 1
    cut: str = "outputs"


def adapter_bytes(
    facts: ModelFacts, places: AdapterSettings, shards: Shards, *, element: int, tokens: int, sequences: int
) -> tuple[AdapterBytes, ...]:
    """Places for adapters on one rank of every pipeline stage, in stage order.

    Args:
        facts: The model that is adapted.
        places: How many places, how large and where.
        shards: How the model is spread.
        element: Bytes of one value.
        tokens: Most tokens of a step.
        sequences: Most sequences of a step.
    """
    indices = float(_TOKEN_BYTES * tokens + _SEQUENCE_BYTES * sequences)
    found = []
    for stage, held in enumerate(pipeline_ranges(facts.num_layers, shards.pp, shards.rest)):
        kinds: dict[Layer, int] = {}
        for index in held:
            kinds[facts.layers[index]] = kinds.get(facts.layers[index], 0) + 1
        layers = sum(
            count * sum(_allocated(pair, places, shards, element) for pair in layer_pairs(layer, facts, places, shards))
            for layer, count in kinds.items()
        )
        ends = _ends(facts, places, shards, element, first=stage == 0, last=stage == shards.pp - 1)
        found.append(AdapterBytes(layers=layers, ends=ends, indices=indices))
    return tuple(found)


def table_bytes(facts: ModelFacts, places: AdapterSettings | None, element: int) -> float:
    """The table that holds each place's row for every token of the vocabulary, 0 where the embedding has no places."""
    if places is None or EMBEDDING not in places.ends:
        return 0.0
    return float(places.slots * (facts.vocab_size + places.added_rows) * places.rank * element)


def layer_pairs(layer: Layer, facts: ModelFacts, places: AdapterSettings, shards: Shards) -> Iterator[Pair]:
    """Adapted matrices of one decoder layer on a rank."""
    groups: dict[str, list[Matrix]] = {}
    for part in layer_parts(layer, facts.hidden_size, shards):
        if isinstance(part, Matrix):
            groups.setdefault(part.fused or part.names[0], []).append(part)
    ungated = layer.moe is not None and not layer.moe.gated
    for parts in groups.values():
        if places.modules and not suffixes(parts, places.expert_names) & set(places.modules):
            continue
        for part in parts:
            yield from _expert_pairs(part, places) if part.kind is Kind.EXPERTS else _pairs(part, ungated=ungated)


def suffixes(parts: Iterable[Matrix], expert_names: Sequence[str]) -> set[str]:
    """Names that modules of fused matrices go by, as adapters and engines write them."""
    found: set[str] = set()
    for part in parts:
        found.update(expert_names if part.kind is Kind.EXPERTS else (name.rsplit(".", 1)[-1] for name in part.names))
    return found


def known_modules(facts: ModelFacts, expert_names: Sequence[str]) -> frozenset[str]:
    """Every name of a module that may have places, with those of the embedding and the head."""
    matrices = (part for layer in set(facts.layers) for part in layer_parts(layer, facts.hidden_size, Shards()))
    named = suffixes((part for part in matrices if isinstance(part, Matrix)), expert_names)
    return frozenset(named) | {EMBEDDING, HEAD}


def named_modules(facts: ModelFacts) -> tuple[str, ...]:
    """The names by which a checkpoint's own modules go, for people who look for the right one."""
    matrices = (part for layer in set(facts.layers) for part in layer_parts(layer, facts.hidden_size, Shards()))
    names = (part.names[0].rsplit(".", 1)[-1] for part in matrices if isinstance(part, Matrix) and part.count == 1)
    experts = ("experts",) if facts.is_moe else ()
    return tuple(sorted({*names, *experts, EMBEDDING, HEAD}))


def _pairs(part: Matrix, *, ungated: bool) -> Iterator[Pair]:
    last = {name.rsplit(".", 1)[-1] for name in part.names}
    slices = _SLICES.get(part.names[-1], 1)
    if ungated and part.names[0].startswith("mlp.shared_experts"):
        slices = 1
    cut = "inputs" if last & _ROWS else "" if last & _WHOLE else "outputs"
    for index in range(slices):
        share = part.outputs // slices + (part.outputs % slices if index == 0 else 0)
        yield Pair(inputs=part.inputs, outputs=share, cut=cut)


def _expert_pairs(part: Matrix, places: AdapterSettings) -> Iterator[Pair]:
    """Routed experts: gate and values have a first matrix each, unless checkpoints hold them as one."""
    if not places.experts:
        return
    down = any(name.endswith(("down_proj", ".w2")) for name in part.names)
    slices = 1 if down or part.ungated or places.whole_experts else 2
    for _ in range(slices):
        cut = "inputs" if down else "outputs"
        yield Pair(inputs=part.inputs, outputs=part.outputs // slices, count=part.count, cut=cut)


def _allocated(pair: Pair, places: AdapterSettings, shards: Shards, element: int) -> float:
    """Bytes of both matrices for all places; each is one tensor."""
    ranks = shards.tp if places.sharded else 1
    each = places.slots * pair.count * element
    first = each * (cdiv(places.rank, ranks) if pair.cut == "outputs" else places.rank) * pair.inputs
    second = each * places.rank * (cdiv(pair.outputs, ranks) if pair.cut == "inputs" else pair.outputs)
    return allocated_bytes(first, shards) + allocated_bytes(second, shards)


def _ends(
    facts: ModelFacts, places: AdapterSettings, shards: Shards, element: int, *, first: bool, last: bool
) -> float:
    width = facts.embedding_dim or facts.hidden_size
    vocabulary, added = facts.vocab_size, places.added_rows
    total = 0.0
    if EMBEDDING in places.ends:
        table = allocated_bytes(table_bytes(facts, places, element), shards)
        both = table + allocated_bytes(places.slots * width * places.rank * element, shards)
        rows = places.slots * added * width * element
        times = int(first or (last and facts.tie_word_embeddings)) + int(last and places.head_again)
        total += times * (both + rows)
        # The model's own embedding has rows for those of all places (``lora_vocab``, llama.py 0.6.4 to 0.11.2).
        total += int(first) * rows / shards.tp
    if HEAD in places.ends and last:
        total += _head(facts, places, shards, element)
        if added and not facts.tie_word_embeddings:
            grown = round_up(vocabulary + added, places.added_padding) - round_up(vocabulary, 1)
            total += grown / shards.tp * width * element
    return total


def _head(facts: ModelFacts, places: AdapterSettings, shards: Shards, element: int) -> float:
    """``LogitsProcessorWithLoRA``: the second matrix has a row for every token on every rank."""
    width, rows = facts.hidden_size, facts.vocab_size
    if places.added_rows:
        rows = round_up(rows + places.added_rows, places.added_padding)
    mapping = _MAPPING_BYTES * padded_vocab(facts.vocab_size, 1) if shards.tp > 1 else 0
    return (
        allocated_bytes(places.slots * places.rank * width * element, shards)
        + allocated_bytes(places.slots * rows * places.rank * element, shards)
        + places.slots * places.added_rows * width * element
        + mapping
    )
