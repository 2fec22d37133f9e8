"""vLLM."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from llminfra.spec.engines.base import LlmEngine
from llminfra.spec.errors.expectations import refused

Modality = Literal["image", "video", "audio", "vision_chunk"]
"""As vLLM names what requests bring beside text; ``vision_chunk`` is Kimi K2.5's name for images and videos."""


class VLLM(LlmEngine):
    """The vLLM OpenAI-compatible server, ``vllm serve``."""

    kind: Literal["vllm"] = "vllm"
    language_model_only: bool = False
    """Whether requests bring text alone: a model with towers for images or sound is served without them, and what they
    take is cache."""
    limit_mm_per_prompt: dict[Modality, Annotated[int, Field(ge=0)]] = {}
    """Most images, videos and audio clips of one request (``--limit-mm-per-prompt``); what is not named has the
    version's own limit, 999 since 0.8.4. A tower for which all are 0 is not loaded since 0.15; some models did so
    before."""
    distributed_executor_backend: Literal["mp", "ray"] = "mp"
    """What starts the ranks of a replica over several nodes: vLLM's own processes, or Ray, if the image has it."""
    all2all_backend: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] | None = None
    """How tokens travel to experts on other GPUs (``--all2all-backend``); ``None``: what works over EFA between nodes,
    and the version's default inside one."""

    @model_validator(mode="after")
    def _text_or_more(self) -> Self:
        more = next((name for name, most in self.limit_mm_per_prompt.items() if most), None)
        if self.language_model_only and more:
            raise refused(
                f"language_model_only lets requests bring text alone, and limit_mm_per_prompt lets them bring {more}",
                "language_model_only",
                "limit_mm_per_prompt",
                expected="one of the two",
                fix="remove language_model_only, or limit_mm_per_prompt",
            )
        return self
