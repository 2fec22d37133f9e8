"""What an engine sets aside for LoRA adapters, by release and architecture: read from ``data/adapters.json``."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from llminfra.catalog.datafile import read_json
from llminfra.planning.memory.releases.engine_profile import EngineProfile, parse_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.catalog.models.facts import ModelFacts
    from llminfra.planning.memory.inputs.case import FitCase

ASSUMED_RANK = 16
EMBEDDING, HEAD, EVERYTHING = "embed_tokens", "lm_head", "all"


class AdapterSettings(Struct, frozen=True, kw_only=True):
    """Places for adapters, with the engine's defaults filled in.

    Attributes:
        slots: Adapters that have a place on the device at once.
        rank: Largest rank; every place is as large as an adapter of it.
        modules: Suffixes of the modules that have places, empty for all.
        sharded: Both matrices of an adapter are cut by the ranks, not the one alone.
        ends: Which of ``embed_tokens`` and ``lm_head`` have places, too.
        head_again: The head is the embedding's module, which gets places under both names.
        experts: Routed experts have places.
        expert_names: What they are called among the modules.
        whole_experts: Both products that come before the activation have one first matrix together.
        added_rows: Rows of the vocabulary that each adapter may bring.
        added_padding: What such a vocabulary is padded to.
        graph_sets: Sets of captured graphs: with adapters, and without.
        notes: What was assumed.
    """

    slots: int
    rank: int
    modules: tuple[str, ...] = ()
    sharded: bool = False
    ends: tuple[str, ...] = ()
    head_again: bool = False
    experts: bool = True
    expert_names: tuple[str, ...] = ("experts",)
    whole_experts: bool = False
    added_rows: int = 0
    added_padding: int = 1
    graph_sets: int = 1
    notes: tuple[str, ...] = ()


@cache
def adapter_data() -> dict[str, Any]:
    """The parsed data file; callers must not change it."""
    return read_json("llminfra.planning.memory", "adapters.json")


def asks_for_adapters(case: FitCase) -> bool:
    """Whether the case has places for adapters: it says so, or it names how many, how large or where."""
    if case.enable_lora is not None:
        return case.enable_lora
    return bool(case.max_loras or case.max_lora_rank or case.lora_target_modules or case.lora_modules)


def adapter_settings(facts: ModelFacts, case: FitCase, profile: EngineProfile) -> AdapterSettings | None:
    """Places for adapters of the case, None where it has none or where the engine's are not known."""
    if not asks_for_adapters(case):
        return None
    if case.engine == "sglang":
        return _sglang(case)
    return _vllm(facts, case, profile) if case.engine == "vllm" else None


def default_places(engine: str) -> tuple[int, int | None]:
    """Places and rank of an engine that is told of adapters and nothing more; no rank where the adapters decide."""
    rules = adapter_data()[engine]
    return rules["slots"], rules.get("rank")


def expert_names(engine: str) -> tuple[str, ...]:
    """What routed experts are called among the modules that may have places."""
    return tuple(adapter_data()[engine].get("expert_names", ("experts",)))


def ranks_of(profile: EngineProfile) -> tuple[int, ...]:
    """Largest ranks that a release of vLLM takes."""
    rows = adapter_data()["vllm"]["ranks"]
    return tuple(next(row["ranks"] for row in reversed(rows) if _since(profile, row["since"])))


def serves_adapters(facts: ModelFacts, profile: EngineProfile) -> bool:
    """Whether a release of vLLM has adapters for the architecture, as far as it is known."""
    rules = adapter_data()["vllm"]
    since = rules["serves_since"].get(facts.architecture)
    never = facts.architecture in rules["serves_never"]["architectures"]
    return not never and (since is None or _since(profile, since))


def _vllm(facts: ModelFacts, case: FitCase, profile: EngineProfile) -> AdapterSettings:
    rules = adapter_data()["vllm"]
    modules = tuple(case.lora_target_modules or ()) if _since(profile, rules["modules_since"]) else ()
    row = _listed(rules["embeddings"], facts.architecture, profile)
    named: tuple[str, ...] = tuple(row["modules"]) if row else ()
    ends = tuple(name for name in named if not modules or name in modules)
    slots = case.max_loras or rules["slots"]
    added = rules["added_vocabulary"] if ends and not _since(profile, rules["added_vocabulary"]["until"]) else None
    again = facts.tie_word_embeddings and facts.architecture in rules["head_is_embedding"]["architectures"]
    return AdapterSettings(
        slots=slots,
        rank=case.max_lora_rank or rules["rank"],
        modules=modules,
        sharded=bool(case.fully_sharded_loras),
        ends=ends if facts.generative else tuple(name for name in ends if name != HEAD),
        head_again=again and HEAD in ends and facts.generative,
        experts=_since(profile, rules["experts_since"]),
        whole_experts=_listed(rules["whole_experts"], facts.architecture, profile) is not None,
        added_rows=added["rows"] if added else 0,
        added_padding=added["padding"] if added else 1,
        graph_sets=_graph_sets(case, slots, profile),
        notes=()
        if not case.lora_target_modules or modules
        else ("lora_target_modules: this release has places for all modules",),
    )


def _graph_sets(case: FitCase, slots: int, profile: EngineProfile) -> int:
    """Graphs with adapters and without, or one for each power of two of them (``get_captured_lora_counts``)."""
    rules = adapter_data()["vllm"]
    if not _since(profile, rules["both_graphs_since"]):
        return 1
    if not case.specialize_active_lora or not _since(profile, rules["specialized_since"]):
        return 2
    counts = {count for count in range(1, slots + 2) if count & (count - 1) == 0} | {slots + 1}
    return 1 + len(counts)


def _sglang(case: FitCase) -> AdapterSettings:
    modules = tuple(case.lora_target_modules or ())
    everything = EVERYTHING in modules
    named = tuple(name for name in (EMBEDDING, HEAD) if everything or name in modules)
    return AdapterSettings(
        slots=case.max_loras or adapter_data()["sglang"]["slots"],
        rank=case.max_lora_rank or ASSUMED_RANK,
        modules=() if everything else modules,
        ends=named,
        expert_names=expert_names(case.engine),
        notes=() if case.max_lora_rank else (f"max_lora_rank {ASSUMED_RANK}: assumed, the adapters decide",),
    )


def _listed(rows: Sequence[dict[str, Any]], architecture: str, profile: EngineProfile) -> dict[str, Any] | None:
    for row in rows:
        ended = "until" in row and _since(profile, row["until"])
        if architecture in row["architectures"] and _since(profile, row["since"]) and not ended:
            return row
    return None


def _since(profile: EngineProfile, release: str) -> bool:
    return profile.version >= (parse_version(release) or (0,))
