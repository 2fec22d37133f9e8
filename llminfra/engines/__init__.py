"""One adapter per inference engine: container, arguments, environment, probes and metrics by engine version."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from llminfra.engines.job import EngineAdapter

_HOMES = {
    "vllm": ("vllm", "VllmAdapter"),
    "sglang": ("sglang", "SglangAdapter"),
    "tgi": ("tgi", "TgiAdapter"),
    "trtllm": ("tensorrt_llm", "TensorRtLlmAdapter"),
    "mii": ("deepspeed", "MiiAdapter"),
    "djl-lmi": ("deepspeed", "DjlAdapter"),
    "custom": ("custom", "CustomAdapter"),
}


def adapter(engine: str) -> EngineAdapter:
    """The adapter of an engine by its ``kind``; only the engines in use are loaded.

    Raises:
        KeyError: There is no such engine.
    """
    module, name = _HOMES[engine]
    return cast("EngineAdapter", getattr(importlib.import_module(f"llminfra.engines.{module}"), name)())
