"""Classes of engines that serve a model for a task, and what vLLM calls them beside the checkpoint's architecture.

Source: vllm/model_executor/models/registry.py 0.8.5 to 0.33.0 and sglang/srt/models 0.5.1 to 0.5.23; GTE's class has
another name than in its config.json. Qwen3's rerankers are decoders (examples/pooling/score/qwen3_reranker_offline.py).
Text Generation Inference knows models by the type in their config.json (``tgi_models.py``), and DJL Serving has the
classes of the vLLM inside.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from llminfra.catalog import tgi_models
from llminfra.catalog.engine_facts import EngineName
from llminfra.catalog.engines import (
    EngineRelease,
    engine_info,
    engine_release,
    inner_release,
    known_versions,
    release_numbers,
)
from llminfra.catalog.models.tasks import Task

_OWN_CLASSES: Mapping[str, str] = {
    "NewModel": "GteNewModel",
    "NewForSequenceClassification": "GteNewForSequenceClassification",
}
RERANKING_DECODERS: Mapping[str, str] = {"Qwen3ForCausalLM": "Qwen3ForSequenceClassification"}
"""Decoders whose ranking is the weight of one word against another, and the class that reads it so."""
_RERANKS_SINCE = "0.9.2"
"""Qwen3's rerankers came as a class of their own, which is made when it is asked for since 0.10 (adapters.py)."""


def class_of(architecture: str, task: Task) -> str:
    """The class of vLLM that serves an architecture for a task."""
    if task == "rerank":
        architecture = RERANKING_DECODERS.get(architecture, architecture)
    return _OWN_CLASSES.get(architecture, architecture)


def serves(release: EngineRelease, architecture: str, task: Task, config_type: str = "") -> bool:
    """Whether a release has code for an architecture and a task; of engines that list no classes nothing is known."""
    if release.engine == "tgi":
        known = config_type and task == "generate"
        return not known or tgi_models.served_by(release_numbers(release.version), config_type) != "none"
    release = inner_release(release)
    if release.engine == "vllm" and task == "rerank" and architecture in RERANKING_DECODERS:
        versions = known_versions("vllm")
        return versions.index(release.version) >= versions.index(_RERANKS_SINCE)
    return not release.lists_architectures or release.has_architecture(class_of(architecture, task))


class MissingClass(Struct, frozen=True, kw_only=True):
    """A class that a release has no code for.

    Attributes:
        name: The class.
        since: The oldest release in the catalog that has it, if that is later.
        until: The newest that has it, if that is earlier.
        inside: What an engine inside the container would have to be, where no container that is known has it.
    """

    name: str
    since: str | None
    until: str | None
    inside: str = ""

    @property
    def elsewhere(self) -> str:
        """``0.29.0 or later``, ``0.10.2 or earlier``; empty where no release has it."""
        if self.since:
            return f"{self.since} or later"
        return f"{self.until} or earlier" if self.until else ""


def missing_class(release: EngineRelease, architecture: str, task: Task, config_type: str = "") -> MissingClass | None:
    """The class that would serve an architecture, where the release does not have it; ``None`` where it does.

    Args:
        release: An engine's release.
        architecture: First entry of the checkpoint's ``architectures``; empty: not known, so nothing is missed.
        task: What the model is served to do.
        config_type: ``model_type`` of the whole config, by which TGI knows models; empty: nothing is missed there.
    """
    if not architecture or serves(release, architecture, task, config_type):
        return None
    found = (engine_release(release.engine, version) for version in known_versions(release.engine))
    having = [item.version for item in found if item is not None and serves(item, architecture, task, config_type)]
    order = known_versions(release.engine).index
    later = [version for version in having if order(version) > order(release.version)]
    earlier = [version for version in having if order(version) < order(release.version)]
    return MissingClass(
        name=config_type if release.engine == "tgi" else class_of(architecture, task),
        since=later[0] if later else None,
        until=earlier[-1] if earlier and not later else None,
    )


def pinned_version(engine: EngineName, architecture: str, task: Task, config_type: str = "") -> str:
    """The release for a model where nobody names one: the pinned one, or the nearest to it with code for the model."""
    pinned = engine_info(engine).default_version
    release = engine_release(engine, pinned)
    missing = missing_class(release, architecture, task, config_type) if release is not None else None
    return (missing and (missing.since or missing.until)) or pinned
