"""What a draft takes on one rank beside the model: its weights, its buffers, and what its pass through the run takes.

``vllm/v1/spec_decode`` and ``vllm/v1/worker/gpu/spec_decode`` of 0.8.5.post1 to 0.33.0: a draft that is no model of its
own has the target's embedding, and its head unless it has words of its own (``_maybe_share_embeddings``). Its layers
keep keys and values as the target's do, which `with_draft_layers` adds to the cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.models.mixers import Attention
from llminfra.planning.memory.peak.forward_peak import forward_peak
from llminfra.planning.memory.shapes import Kind, Shards, cdiv, kv_heads_per_rank, padded_vocab
from llminfra.planning.memory.weights.rank_weights import rank_weights
from llminfra.planning.memory.weights.stored_bytes import allocated_bytes, dtype_bytes

if TYPE_CHECKING:
    from llminfra.catalog.models.drafts import DraftFacts
    from llminfra.catalog.models.facts import ModelFacts
    from llminfra.planning.memory.peak.forward_peak import Batch
    from llminfra.planning.memory.releases.engine_profile import EngineProfile
    from llminfra.planning.memory.releases.settings import Settings

_MAP_BYTES = 8
"""Which word of the target each of the draft's own is: ``draft_id_to_target_id``, an int64."""
_SHARES = frozenset({"eagle", "eagle3", "dflash"})


class DraftBytes(Struct, frozen=True, kw_only=True):
    """Bytes of a draft on one rank of the last pipeline stage.

    Attributes:
        layers: Its decoder layers, with rotary tables and norms.
        joined: The product that makes one state of those that it is given.
        words: Embedding and heads of its own.
        buffers: What is kept from step to step: states of every token of a batch.
    """

    layers: float
    joined: float
    words: float
    buffers: float

    @property
    def weights(self) -> float:
        """What loading takes."""
        return self.layers + self.joined + self.words


def with_draft_layers(facts: ModelFacts, draft: DraftFacts | None, method: str | None) -> ModelFacts:
    """The model with the layers that guess tokens for it, whose keys and values lie in its cache.

    Those of the model's own are left where the case names neither a draft nor another way to guess.
    """
    if draft is not None:
        return replace(facts, mtp_layers=draft.layers.layers)
    return replace(facts, mtp_layers=()) if method not in {None, "mtp"} else facts


def draft_bytes(
    draft: DraftFacts, shards: Shards, settings: Settings, profile: EngineProfile, ranks: int
) -> DraftBytes:
    """Bytes of a draft on one of its ``ranks``."""
    own, element = replace(shards, tp=ranks, pp=1, ep=1, moe_tp=0, holds_ngrams=False), dtype_bytes(settings.dtype)
    hidden = draft.layers.hidden_size
    parts = rank_weights(draft.layers, draft.layers.quantization, own, dtype=settings.dtype)[0].by_kind
    ends = parts.get(Kind.EMBEDDING, 0.0) + parts.get(Kind.HEAD, 0.0)
    layers = sum(parts.values()) - ends
    buffers = float(settings.max_num_batched_tokens * hidden * element) if draft.kind in _SHARES else 0.0
    if draft.kind == "draft_model":
        return DraftBytes(layers=layers, joined=0.0, words=ends, buffers=0.0)
    if draft.kind == "medusa":
        blocks = draft.heads * draft.blocks * (hidden + 1) * hidden * element
        words = draft.vocabulary * hidden * element / ranks
        return DraftBytes(layers=float(blocks), joined=0.0, words=words, buffers=0.0)
    joined = allocated_bytes(draft.states * draft.target_hidden * hidden * element, own)
    words = 0.0
    if draft.vocabulary:
        words = allocated_bytes(padded_vocab(draft.vocabulary, ranks) * hidden * element, own)
        words += _MAP_BYTES * draft.vocabulary
    if draft.kind == "eagle3":
        layers += _wider_queries(draft, ranks) * element
    elif draft.kind == "dflash":
        # Keys and values of all layers once more, as one product (_build_fused_kv_buffers, qwen3_dflash.py).
        layers += sum(_keys_and_values(draft, ranks)) * hidden * element
    if profile.scheduler == "v0":
        # The draft of V0 has an embedding and a head of its own (vllm/model_executor/models/eagle.py 0.7.3).
        words += ends
    return DraftBytes(layers=layers, joined=joined, words=words, buffers=buffers)


def drafting_peak(draft: DraftFacts | None, batch: Batch, profile: EngineProfile) -> float:
    """Bytes while the draft runs over the tokens of the profiling run: its own, beside the states that it is given."""
    if draft is None or not draft.layers.layers or profile.scheduler == "v0":
        return 0.0
    given = 0 if draft.kind == "draft_model" else 1 + (draft.states if draft.kind != "eagle" else 0)
    return forward_peak(draft.layers, batch, profile) + given * batch.tokens * draft.target_hidden * batch.element


def given_bytes(draft: DraftFacts | None, batch: Batch) -> float:
    """States of the target that are there while the draft is compiled, after it, in bytes.

    Its last ones, and for drafts that are given several those and their copy side by side (``_dummy_run`` of
    vllm/v1/worker/gpu/model_runner.py 0.24.0). Measured with Llama 3.1 8B on A100s (0.24.0): 57,344 bytes for each
    token of the batch with EAGLE-3, which is seven states, and one with EAGLE.
    """
    if draft is None or draft.kind not in _SHARES:
        return 0.0
    states = 1 + (0 if draft.kind == "eagle" else 2 * draft.states)
    return float(states * batch.tokens * draft.target_hidden * batch.element)


def _wider_queries(draft: DraftFacts, ranks: int) -> int:
    """Elements that its first layer's queries, keys and values have more, which see the embedding beside the state."""
    mixer = draft.layers.layers[0].mixer
    if not isinstance(mixer, Attention):
        return 0
    outputs = cdiv(mixer.heads, ranks) * mixer.head_dim
    return (outputs + _keys_and_values(draft, ranks)[0]) * draft.layers.hidden_size


def _keys_and_values(draft: DraftFacts, ranks: int) -> list[int]:
    """Outputs of keys and values of each layer on a rank."""
    found = []
    for layer in draft.layers.layers:
        mixer = layer.mixer
        if isinstance(mixer, Attention):
            found.append(kv_heads_per_rank(mixer.kv_heads, ranks) * (mixer.head_dim + mixer.v_head_dim))
    return found
