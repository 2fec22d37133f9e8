"""Classes of vLLM that serve a model for a task, where they have another name than the checkpoint's architecture.

Source: vllm/model_executor/models/registry.py 0.8.5 to 0.33.0; GTE's class has another name than in its config.json.
Qwen3's rerankers are decoders (examples/pooling/score/qwen3_reranker_offline.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from llminfra.catalog.engines import EngineRelease, engine_release, known_versions
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


def serves(release: EngineRelease, architecture: str, task: Task) -> bool:
    """Whether a release of vLLM has code for an architecture and a task."""
    versions = known_versions("vllm")
    if task == "rerank" and architecture in RERANKING_DECODERS:
        return versions.index(release.version) >= versions.index(_RERANKS_SINCE)
    return release.has_architecture(class_of(architecture, task))


def first_that_serves(architecture: str, task: Task) -> str | None:
    """The oldest release of vLLM in the catalog that does; ``None`` where none does."""
    found = (engine_release("vllm", version) for version in known_versions("vllm"))
    return next((item.version for item in found if item is not None and serves(item, architecture, task)), None)
