"""What a checkpoint was made for: its architecture says it, and where a causal model was trained for more, its name.

Engines go by the same names: vllm/model_executor/models/registry.py and the suffixes of ``_SUFFIX_TO_DEFAULTS``,
vllm/config/model.py 0.27.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Task = Literal["generate", "embed", "rerank", "classify", "reward", "transcribe"]
"""Texts, vectors, a score for each pair of texts, classes, rewards, or the words of a recording."""
TEXTS: frozenset[Task] = frozenset({"generate", "transcribe"})
"""Tasks whose answer is text."""

# Bare models, whose last states are the answer; other names that end in Model are those of chat models (InternVLChat).
_EMBEDDERS = frozenset(
    {"BertModel", "RobertaModel", "XLMRobertaModel", "ModernBertModel", "NomicBertModel", "NewModel", "GteModel",
     "GteNewModel", "Gemma2Model", "Gemma3TextModel", "LlamaModel", "MistralModel", "Qwen2Model", "Qwen3Model",
     "LlamaBidirectionalModel", "JinaEmbeddingsV5Model", "EmbeddingGemma2Model", "BgeM3EmbeddingModel"}
)  # fmt: skip
_NAMES: tuple[tuple[str, Task], ...] = (
    ("reranker", "rerank"),
    ("reward", "reward"),
    ("embedding", "embed"),
    ("-embed-", "embed"),
)
# Classes that no release of transformers has had, or not all; of other configurations with code the engines have their
# own (vllm/model_executor/models/config.py 0.27.1 asks for these by their names).
_OWN_CLASSES = frozenset({"NewConfig", "XLMRobertaFlashConfig", "NomicBertConfig"})
# Labels of a config that states none: ``PretrainedConfig`` of transformers has two.
_DEFAULT_LABELS = 2


def task_of(config: Mapping[str, Any], *, architecture: str, model_id: str) -> Task:
    """The task that a checkpoint was made for.

    Args:
        config: Its ``config.json``.
        architecture: First entry of ``architectures``.
        model_id: Its name: a causal model that was trained to embed or to rank says so nowhere else.
    """
    if architecture.startswith("Whisper"):
        return "transcribe"
    if "ForSequenceClassification" in architecture:
        return "rerank" if labels_of(config) == 1 else "classify"
    if "ForTokenClassification" in architecture:
        return "classify"
    if "RewardModel" in architecture:
        return "reward"
    if architecture in _EMBEDDERS or "EmbeddingModel" in architecture or config.get("is_causal") is False:
        return "embed"
    name = model_id.lower()
    return next((task for mark, task in _NAMES if mark in name), "generate")


def code_of(config: Mapping[str, Any], model_id: str) -> str | None:
    """Repository with the code of a configuration's class, where engines have none of their own."""
    table = config.get("auto_map")
    where = str(table.get("AutoConfig") or "") if isinstance(table, Mapping) else ""
    if where.rpartition(".")[2] not in _OWN_CLASSES:
        return None
    repository, dashes, _ = where.partition("--")
    return repository if dashes else model_id


def labels_of(config: Mapping[str, Any]) -> int:
    """Outputs of a classifier's head."""
    count, names = config.get("num_labels"), config.get("id2label")
    if isinstance(count, int):
        return count
    return len(names) if isinstance(names, Mapping) and names else _DEFAULT_LABELS
