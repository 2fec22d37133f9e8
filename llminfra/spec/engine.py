"""Inference engines as a user declares them: the few settings worth typing, and checked extra arguments."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from llminfra.spec._base import Many, Spec


class Image(Spec):
    """A container image, pinned by tag or digest."""

    repository: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._/:-]*$")]
    """Repository without tag, for example ``vllm/vllm-openai``."""
    tag: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")] | None = None
    """Tag; ``latest`` is refused."""
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """Content digest; wins over the tag."""
    efa: bool = False
    """Whether the image has the EFA userspace (libfabric and the NCCL plug-in)."""


class VLLM(Spec):
    """The vLLM OpenAI-compatible server."""

    kind: Literal["vllm"] = "vllm"

    version: str | None = None
    """Engine version, for example ``0.33.0``; ``None``: the one llminfra pins."""
    image: Image | None = None
    """Own image; ``None``: the official one for the version (or one with EFA userspace where needed)."""
    max_model_len: Annotated[int, Field(ge=1)] | None = None
    """Context length in tokens, prompt and output together; ``None``: the model's own."""
    max_num_seqs: Annotated[int, Field(ge=1)] | None = None
    """Most sequences in one batch; ``None``: the engine's default."""
    max_num_batched_tokens: Annotated[int, Field(ge=1)] | None = None
    """Most tokens in one scheduler step; ``None``: the engine's default."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of GPU memory the engine may take; ``None``: the version's default, always written out."""
    kv_cache_dtype: Literal["auto", "fp8", "fp8_e4m3", "fp8_e5m2"] = "auto"
    """Type of the KV cache."""
    prefix_caching: bool = True
    """Whether prompts that start alike share their KV cache."""
    enforce_eager: bool = False
    """Whether CUDA graphs are left out (less memory, slower decode)."""
    extra_args: Many[str] = ()
    """Further command-line arguments; each flag must be known to the version."""
    env: dict[str, str] = {}
    """Further environment variables; each ``VLLM_*`` name must be known to the version; never a secret."""


Engine = Annotated[VLLM, Field()]
"""Any inference engine."""
