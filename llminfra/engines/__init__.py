"""One adapter per inference engine: container, arguments, environment, probes and metrics by engine version."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llminfra.engines.job import EngineAdapter


def adapter(engine: str) -> EngineAdapter:
    """The adapter of an engine by its ``kind``.

    Raises:
        KeyError: There is no such engine.
    """
    from llminfra.engines.vllm import VllmAdapter  # noqa: PLC0415  # only the engines in use are loaded

    return {"vllm": VllmAdapter}[engine]()
