"""Whether the release that a model is given to has code for it, and what the engine says where it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.catalog import tgi_models
from llminfra.catalog.datafile import read_data
from llminfra.catalog.engines import inner_release, known_versions, lists_architecture, release_numbers
from llminfra.catalog.task_classes import MissingClass, missing_class

if TYPE_CHECKING:
    from llminfra.catalog.engine_facts import EngineName
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.models import ModelFacts

REFUSES_UNKNOWN = frozenset({"tgi", "trtllm"})
"""Engines that have nothing else for a model that they have no code for, and stop."""


def missing_code(
    facts: ModelFacts, engine: str, release: EngineRelease | None, named: tuple[int, ...]
) -> MissingClass | None:
    """What the release lacks to run a model; ``None`` where it has it, or nothing is known.

    Args:
        facts: The model.
        engine: Engine name of the catalog.
        release: Its release, where the catalog has it.
        named: Numbers of the release as it was named, for engines whose code is known of more releases: TGI's since
            1.4, TensorRT-LLM's by the tags of NVIDIA's images. Empty where none was named.
    """
    if engine == "tgi" and facts.task == "generate":
        return _missing_type(facts, named or (release_numbers(release.version) if release else ()))
    if engine == "trtllm":
        first = read_data("trtllm_models.json")["since"].get(facts.architecture)
        if first is not None and named and named[:2] < release_numbers(first):
            return MissingClass(name=facts.architecture, since=first, until=None)
    if release is None:
        return None
    missing = missing_class(release, facts.architecture, facts.task, facts.config_type)
    if missing is None or missing.elsewhere or (inner := inner_release(release)) is release:
        return missing
    newer = missing_class(inner, facts.architecture, facts.task)
    return replace(missing, inside=f"vLLM {newer.elsewhere}") if newer and newer.elsewhere else missing


def is_named_release(engine: str, version: str) -> bool:
    """Whether a version is one of an engine's releases that only images name: TensorRT-LLM's, such as ``1.2.1``."""
    if engine != "trtllm":
        return False
    lines = {release_numbers(line) for line in read_data("trtllm_models.json")["releases"]}
    return release_numbers(version)[:2] in lines


def refusal_words(engine: str, missing: MissingClass, facts: ModelFacts) -> str:
    """The engine's words where it has no code for a model."""
    if engine == "mii":
        return f"ValueError: Unsupported model type {facts.model_type}"
    if engine == "tgi":
        return f"ValueError: Unsupported model type {missing.name}"
    if engine == "trtllm":
        return f"ValueError: Unknown architecture for AutoModelForCausalLM: {missing.name}"
    return f"Model architectures ['{missing.name}'] are not supported for now."


def engines_with_code(facts: ModelFacts) -> tuple[str, ...]:
    """``VLLM(…)`` and ``SGLang(…)``, those of them that have the class in some release."""
    known: tuple[tuple[EngineName, str], ...] = (("vllm", "VLLM(…)"), ("sglang", "SGLang(…)"))
    return tuple(name for engine, name in known if lists_architecture(engine, facts.architecture))


def _missing_type(facts: ModelFacts, release: tuple[int, ...]) -> MissingClass | None:
    kind = facts.config_type
    if not kind or not release or not tgi_models.knows(release):
        return None
    none = tgi_models.Served.NONE
    if tgi_models.served_by(release, kind) != none:
        return None
    versions = {release_numbers(version): version for version in known_versions("tgi")}
    having = [numbers for numbers in versions if tgi_models.served_by(numbers, kind) != none]
    later = next((numbers for numbers in having if numbers > release), None)
    earlier = next((numbers for numbers in reversed(having) if numbers < release), None)
    return MissingClass(
        name=kind,
        since=versions[later] if later else None,
        until=versions[earlier] if earlier and not later else None,
    )
