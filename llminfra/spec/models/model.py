"""``Model``: which weights are served, and in which precision."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from llminfra.spec.base.secret import Secret
from llminfra.spec.base.spec import Spec
from llminfra.spec.errors.expectations import assignment, quoted, refused

Quantization = Literal[
    "fp8", "awq", "gptq", "compressed-tensors", "mxfp4", "nvfp4", "bitsandbytes", "experts_int8", "modelopt"
]
"""Weight quantization by the name engines use."""


_HUB = re.compile(r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:models/)?")
_PLACE = re.compile(r"[a-z0-9]+://|[.~]{0,2}/")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


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

    @field_validator("id", mode="before")
    @classmethod
    def _names_no_place(cls, value: object) -> object:
        if isinstance(value, str) and (page := _HUB.match(value)):
            meant = assignment("id", quoted("/".join(value[page.end() :].split("/")[:2])))
            raise refused("id is a name, and this is an address", expected="Hugging Face id", fix=f"write {meant}")
        if isinstance(value, str) and _PLACE.match(value):
            name = value.rstrip("/").rsplit("/", 1)[-1]
            named = assignment("id", quoted(f"acme/{name}" if _NAME.fullmatch(name) else "acme/my-model"))
            raise refused(
                "id is the model's name, and this is a place",
                expected="a name, and a bucket that holds its weights under <prefix>/<id>/<revision>/",
                fix=f"write {named} with a config and a revision, and name the bucket with Endpoint(weights=…)"
                " (docs/operations.md, A model of your own)",
            )
        return value

    @property
    def slug(self) -> str:
        """Name for Kubernetes objects and paths: the id without its organization, lower case."""
        return "".join(c if c.isalnum() else "-" for c in self.id.rsplit("/", 1)[-1].lower()).strip("-")
