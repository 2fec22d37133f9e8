"""``Model``: which weights are served, and in which precision."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from llminfra.spec.base.secret import Secret
from llminfra.spec.base.spec import Spec

Quantization = Literal[
    "fp8", "awq", "gptq", "compressed-tensors", "mxfp4", "nvfp4", "bitsandbytes", "experts_int8", "modelopt"
]
"""Weight quantization by the name engines use."""


class Model(Spec):
    """A model by its Hugging Face id.

    Its architecture comes from llminfra's catalog, from a local ``config.json``, or from the Hub; a model that none
    of them knows is an error, never a guess.
    """

    spec_section: ClassVar[str] = "models"

    # The Hub's oldest ids have no organization; who leaves it out of another is told the ids that are near.
    id: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]*/)?[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """Hugging Face id, for example ``Qwen/Qwen3-32B``."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    """Commit of the repository on the Hub, 40 hexadecimal digits and no branch, for example
    ``9216db5781bf21249d130ec9da846c4624c16137``; ``None``: the one the catalog pins, if any."""
    quantization: Quantization | None = None
    """Quantize at load time, or say how the checkpoint is quantized; ``None``: as the checkpoint is."""
    dtype: Literal["auto", "bfloat16", "float16"] = "auto"
    """Type of unquantized weights and activations."""
    token: Secret | None = None
    """Reference to a Hugging Face token, for gated models that are copied from the Hub."""
    config: str | None = None
    """Path of a local ``config.json``, or of the model's folder, for a model that the catalog lacks, relative to the
    spec file."""
    trust_remote_code: bool = False
    """Whether the engine may run code from the model repository; needs a waiver."""

    @property
    def slug(self) -> str:
        """Name for Kubernetes objects and paths: the id without its organization, lower case."""
        return "".join(c if c.isalnum() else "-" for c in self.id.rsplit("/", 1)[-1].lower()).strip("-")
