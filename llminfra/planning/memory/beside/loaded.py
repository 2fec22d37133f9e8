"""Everything that is loaded beside the model, in GiB by pipeline stage, with the lines that tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.planning.memory.beside.adapter_bytes import AdapterBytes, adapter_bytes, table_bytes
from llminfra.planning.memory.beside.draft_bytes import DraftBytes, draft_bytes
from llminfra.planning.memory.peak.overhead import GIB
from llminfra.planning.memory.weights.stored_bytes import dtype_bytes

if TYPE_CHECKING:
    from llminfra.catalog.models.drafts import DraftFacts
    from llminfra.catalog.models.facts import ModelFacts
    from llminfra.planning.memory.inputs.case import FitCase
    from llminfra.planning.memory.releases.adapter_rules import AdapterSettings
    from llminfra.planning.memory.releases.engine_profile import EngineProfile
    from llminfra.planning.memory.releases.settings import Settings
    from llminfra.planning.memory.shapes import Shards

_MIB = 2**20


class Loaded(Struct, frozen=True, kw_only=True):
    """What is loaded beside the model.

    Attributes:
        adapters: GiB of places for adapters on a rank of each pipeline stage, empty where there are none.
        draft: GiB of the draft's weights on a rank of the last stage.
        buffers: Bytes of states that are kept for it from step to step.
        draft_facts: The draft itself.
        table: Bytes of the table of the embedding's places, which the compiler copies on a first start.
        explain: A line for each.
    """

    adapters: tuple[float, ...] = ()
    draft: float = 0.0
    buffers: float = 0.0
    draft_facts: DraftFacts | None = None
    table: float = 0.0
    explain: tuple[str, ...] = ()

    @property
    def fullest(self) -> float:
        """GiB of places for adapters on the rank with the most."""
        return max(self.adapters, default=0.0)

    def on_stage(self, stage: int, stages: int, *, draft: bool = True) -> float:
        """GiB on a rank of a pipeline stage, with the draft or without."""
        held = self.adapters[stage] if self.adapters else 0.0
        return held + (self.draft if draft and stage == stages - 1 else 0.0)


def loaded_beside(
    facts: ModelFacts,
    case: FitCase,
    settings: Settings,
    profile: EngineProfile,
    shards: Shards,
    draft: DraftFacts | None,
) -> Loaded:
    """Places for adapters and a draft, as far as the case asks for them."""
    places, element = settings.adapters, dtype_bytes(settings.dtype)
    lines: list[str] = []
    stages: tuple[float, ...] = ()
    if places is not None:
        found = adapter_bytes(
            facts,
            places,
            shards,
            element=element,
            tokens=settings.max_num_batched_tokens,
            sequences=settings.max_num_seqs,
        )
        stages = tuple(stage.total / GIB for stage in found)
        lines.append(_adapters_line(places, max(found, key=lambda stage: stage.total)))
    taken = None
    if draft is not None:
        ranks = case.draft_tensor_parallel or settings.tp
        taken = draft_bytes(draft, shards, settings, profile, ranks)
        lines.append(_draft_line(draft, taken, ranks))
    elif case.speculative_tokens and not settings.with_mtp and case.speculative_method is None:
        lines.append(f"draft: {case.speculative_tokens} tokens are guessed by what is not named, and not counted")
    return Loaded(
        adapters=stages,
        draft=taken.weights / GIB if taken else 0.0,
        buffers=taken.buffers if taken else 0.0,
        draft_facts=draft,
        table=table_bytes(facts, places, element),
        explain=tuple(lines),
    )


def _adapters_line(places: AdapterSettings, taken: AdapterBytes) -> str:
    each = f"{taken.layers / places.slots / _MIB:.1f} MiB in layers"
    if taken.ends:
        each += f", {taken.ends / places.slots / _MIB:.1f} in embedding and head"
    of = f"{places.slots} place{'s' if places.slots > 1 else ''} of rank {places.rank}"
    where = f" for {', '.join(places.modules)}" if places.modules else ""
    return f"adapters {taken.total / GIB:.2f} GiB: {of}{where}, each {each}"


def _draft_line(draft: DraftFacts, taken: DraftBytes, ranks: int) -> str:
    parts = (("layers", taken.layers), ("joined states", taken.joined), ("words of its own", taken.words))
    told = ", ".join(f"{name} {size / GIB:.2f}" for name, size in parts if size)
    how = "" if draft.kind == "draft_model" else f" by {draft.kind}"
    return (
        f"draft {draft.model_id}{how} {taken.weights / GIB:.2f} GiB over {ranks} rank{'s' if ranks > 1 else ''}: {told}"
    )
