"""Indexers that a release builds for layers which take over what another layer's picked (GLM-5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.catalog.models.mixers import Mla

if TYPE_CHECKING:
    from llminfra.catalog.models.facts import Layer, ModelFacts
    from llminfra.planning.memory.inputs.case import FitCase
    from llminfra.planning.memory.releases.engine_profile import EngineProfile
    from llminfra.planning.memory.releases.sglang_profile import SglangProfile


def with_built_indexers(
    facts: ModelFacts, case: FitCase, profile: EngineProfile, sglang: SglangProfile | None
) -> ModelFacts:
    """The model as the release builds it: before the rule was known, every layer has its own weights and keys."""
    builds = sglang.builds_borrowed if sglang is not None else profile.builds_borrowed and case.engine == "vllm"
    if not builds or not any(_borrows(layer) for layer in facts.layers):
        return facts
    return replace(facts, layers=tuple(_own(layer) for layer in facts.layers))


def _borrows(layer: Layer) -> bool:
    return isinstance(layer.mixer, Mla) and layer.mixer.indexer is not None and layer.mixer.indexer.borrowed


def _own(layer: Layer) -> Layer:
    if not isinstance(layer.mixer, Mla) or layer.mixer.indexer is None:
        return layer
    return replace(layer, mixer=replace(layer.mixer, indexer=replace(layer.mixer.indexer, borrowed=False)))
