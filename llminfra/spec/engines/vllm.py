"""vLLM."""

from typing import Annotated, Literal

from pydantic import Field

from llminfra.spec.engines.base import LlmEngine


class VLLM(LlmEngine):
    """The vLLM OpenAI-compatible server, ``vllm serve``."""

    kind: Literal["vllm"] = "vllm"
    distributed_executor_backend: Literal["mp", "ray"] = "mp"
    """What starts the ranks of a replica over several nodes: vLLM's own processes, or Ray, if the image has it."""
    all2all_backend: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] | None = None
    """How tokens travel to experts on other GPUs (``--all2all-backend``); ``None``: what works over EFA between nodes,
    and the version's default inside one."""
