"""What requests may bring beside text: which towers are loaded for it, and which the profiling run tries.

``data/media.json`` says which models leave a tower out, since which release, and what each tower takes.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from llminfra.catalog.datafile import read_json
from llminfra.planning.memory.releases.engine_profile import parse_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llminfra.catalog.models.facts import EncoderFacts, ModelFacts
    from llminfra.planning.memory.inputs.case import FitCase
    from llminfra.planning.memory.releases.engine_profile import EngineProfile


@cache
def media_data() -> dict[str, Any]:
    """The parsed data file; callers must not change it."""
    return read_json("llminfra.planning.memory", "media.json")


def modalities(facts: ModelFacts, encoder: EncoderFacts) -> frozenset[str]:
    """What the tower takes, as vLLM names it: ``image``, ``video``, ``audio`` or ``vision_chunk``."""
    for name, row in media_data()["modalities"].items():
        if name == "_source":
            continue
        if encoder.kind in row.get("kinds", ()) or facts.architecture in row.get("architectures", ()):
            return frozenset(name.split(" and "))
    return frozenset({"image"})


def most_items(facts: ModelFacts, encoder: EncoderFacts, case: FitCase, default: int) -> int:
    """Most images, videos or clips of one request that the tower encodes; 0 where it is never asked.

    Args:
        facts: The model.
        encoder: One of its towers.
        case: What is limited.
        default: Items of a modality that nobody limits.
    """
    if case.language_model_only:
        return 0
    limits: Mapping[str, int] = case.limit_mm_per_prompt or {}
    return max(limits.get(item, default) for item in modalities(facts, encoder))


def leaves_towers_out(facts: ModelFacts, profile: EngineProfile) -> bool:
    """Whether the release does not load a tower of this model that is never asked."""
    marked = media_data()["marked"]
    if facts.architecture in marked["never"]:
        return False
    since = marked["later"].get(facts.architecture, marked["from"])
    for row in media_data()["own_check"]:
        if facts.architecture in row["architectures"]:
            since = row["from"]
    return profile.scheduler == "v1" and profile.version >= (parse_version(since) or ())


def loaded(facts: ModelFacts, case: FitCase, profile: EngineProfile) -> ModelFacts:
    """The model with the towers that lie on the device."""
    if case.engine != "vllm" or not facts.encoders or not _limits(case):
        return facts
    towers = facts.encoders
    if leaves_towers_out(facts, profile):
        towers = tuple(item for item in towers if most_items(facts, item, case, 1))
    whole = media_data()["whole_on_every_rank"]
    if case.mm_encoder_tp_mode == "data" and profile.version >= (parse_version(whole["from"]) or ()):
        towers = tuple(_whole(item) if item.kind in whole["kinds"] else item for item in towers)
    return replace(facts, encoders=towers)


def profiled(facts: ModelFacts, case: FitCase, profile: EngineProfile) -> ModelFacts:
    """The model with the towers that the profiling run tries: those that a request may ask."""
    if case.engine != "vllm" or not facts.encoders or not _limits(case):
        return facts
    asked = {item.kind for item in facts.encoders if most_items(facts, item, case, 1)}
    towers = loaded(facts, case, profile).encoders
    if (case.limit_mm_per_prompt or {}).get("video") == 0:
        # Nothing is padded to the longest video where none may come.
        towers = tuple(replace(item, made_width=0) if item.made_width else item for item in towers)
    return replace(facts, encoders=tuple(item for item in towers if item.kind in asked))


def items_of_request(facts: ModelFacts, case: FitCase, profile: EngineProfile) -> int:
    """Most items of one request that the profiling run assumes; 0 where nothing limits them.

    The V0 engine tries all modalities at once, V1 the one with the most tokens.
    """
    limits: Mapping[str, int] = case.limit_mm_per_prompt or {}
    if case.engine != "vllm" or not limits or not facts.encoders:
        return 0
    if profile.scheduler == "v1":
        return max(most_items(facts, item, case, profile.default_items) for item in facts.encoders)
    taken = frozenset[str]().union(*(modalities(facts, item) for item in facts.encoders))
    counted = taken if profile.profiles_video else taken - {"video"}
    return sum(limits.get(item, profile.default_items) for item in counted)


def _limits(case: FitCase) -> bool:
    return bool(case.language_model_only or case.limit_mm_per_prompt or case.mm_encoder_tp_mode == "data")


def _whole(encoder: EncoderFacts) -> EncoderFacts:
    every = encoder.sharded_params + encoder.replicated_params
    return replace(encoder, sharded_params=0, replicated_params=every, heads=0, attention_params=0)
