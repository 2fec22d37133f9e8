"""vLLM."""

from __future__ import annotations

from typing import Literal

from llminfra.spec.engines.base import LlmEngine


class VLLM(LlmEngine):
    """The vLLM OpenAI-compatible server, ``vllm serve``."""

    kind: Literal["vllm"] = "vllm"
