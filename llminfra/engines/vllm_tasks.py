"""What vLLM is told about a task other than text generation, by release, and the paths that then answer.

``--task`` until 0.10.0, ``--runner`` and ``--convert`` since 0.10.1, which 0.13 made the only ones
(``catalog/data/engines/vllm.json``; vllm/config/model.py 0.10.2 and 0.27.1). Overrides: examples/pooling/score/
qwen3_reranker_offline.py. Paths: ``api_router.py`` of each task in vllm/entrypoints/pooling and
vllm/entrypoints/speech_to_text 0.27.1, the same in openai/api_server.py 0.8.5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llminfra.catalog.models.tasks import TEXTS
from llminfra.catalog.task_classes import RERANKING_DECODERS, class_of
from llminfra.spec.endpoint import Task

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease

_OLD_NAMES: Mapping[Task, str] = {
    "embed": "embed",
    "rerank": "score",
    "classify": "classify",
    "reward": "reward",
    "transcribe": "transcription",
}
_CONVERT: Mapping[Task, str] = {"embed": "embed", "rerank": "classify", "classify": "classify"}
PATHS: Mapping[Task, tuple[str, ...]] = {
    "embed": ("/v1/embeddings",),
    "rerank": ("/v1/rerank", "/v1/score"),
    "classify": ("/classify",),
    "reward": ("/pooling",),
    "transcribe": ("/v1/audio/transcriptions", "/v1/audio/translations"),
}
"""What callers post to; the first is the usual one."""
GUARDED = ("/v1", "/v2")
"""Paths that ask for the API key (``GUARDED_PREFIX``, vllm/entrypoints/serve/utils/server_utils.py 0.27.1); the others
answer anyone."""


def task_args(release: EngineRelease, task: Task, architecture: str) -> list[str]:
    """Arguments for a task; none for text generation."""
    if task == "generate":
        return []
    args = []
    if release.knows_flag("--runner"):
        if task not in TEXTS:
            args.append("--runner=pooling")
            if "CausalLM" in architecture and task in _CONVERT:
                args.append(f"--convert={_CONVERT[task]}")
    else:
        args.append(f"--task={_OLD_NAMES[task]}")
    overrides = hf_overrides(architecture, task)
    return [*args, f"--hf-overrides={json.dumps(overrides)}"] if overrides else args


def hf_overrides(architecture: str, task: Task) -> dict[str, Any]:
    """What config.json must say instead; empty where it says it."""
    own = class_of(architecture, task)
    if own == architecture:
        return {}
    if architecture in RERANKING_DECODERS:
        return {
            "architectures": [own],
            "classifier_from_token": ["no", "yes"],
            "is_original_qwen3_reranker": True,
        }
    return {"architectures": [own]}
