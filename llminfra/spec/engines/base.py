"""What engines have in common: an image, a version, and the settings that decide memory."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from llminfra.spec.base.spec import Many, Spec
from llminfra.spec.errors.expectations import assignment, quoted, refused


def _pinned(value: str) -> str:
    if value in {"latest", "main", "master", "nightly", "edge", "dev"}:
        raise refused(
            f"the tag {value!r} moves: what was tested is not what will run",
            expected="the tag of a release, such as v0.27.1",
            fix="name a release",
        )
    return value


class Image(Spec):
    """A container image, pinned by tag or digest."""

    repository: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._/:-]*$")]
    """Repository without tag, for example ``vllm/vllm-openai``."""
    tag: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"), AfterValidator(_pinned)] | None = None
    """Tag of a release, for example ``v0.27.1``."""
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """Content digest (``sha256:`` and 64 hexadecimal digits); wins over the tag."""
    efa: bool = False
    """Whether the image has the EFA userspace (libfabric and the NCCL plug-in)."""
    ray: bool = False
    """Whether the image has Ray, which vLLM's own images no longer bring."""
    audio: bool = False
    """Whether the image can decode sound (``vllm[audio]``), which vLLM's own images do not bring."""

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if "://" in self.repository:
            raise refused(
                "an image has a name and no address",
                "repository",
                expected="a repository without https://, for example vllm/vllm-openai",
                fix=f"write {assignment('repository', quoted(self.repository.split('://', 1)[1]))}",
            )
        name, colon, tag = self.repository.rpartition(":")
        if colon and "/" not in tag:  # a colon before a slash is that of a registry's port
            raise refused(
                "the repository holds a tag, which has a field of its own",
                "repository",
                expected="a repository without tag, for example vllm/vllm-openai",
                fix=f"write repository={name!r} and tag={tag!r}",
            )
        if self.tag is None and self.digest is None:
            raise refused(
                "an image without tag and digest is whatever is newest",
                "tag",
                "digest",
                expected="the tag of a release, such as v0.27.1, or a digest",
                fix="set tag or digest",
            )
        return self


class LlmEngine(Spec):
    """Settings that every LLM engine has, under one name; each adapter writes its engine's own flags."""

    version: str | None = None
    """Engine version; ``None``: the one llminfra pins."""
    image: Image | None = None
    """Own image; ``None``: the official one for the version (or one with EFA userspace where needed)."""
    max_model_len: Annotated[int, Field(ge=1)] | None = None
    """Context length in tokens, prompt and output together; ``None``: the model's own."""
    max_num_seqs: Annotated[int, Field(ge=1)] | None = None
    """Most sequences in one batch; ``None``: 256."""
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
    """Further environment variables; the engine's own must be known to the version; never a secret."""
