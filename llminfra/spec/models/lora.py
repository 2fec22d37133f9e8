"""``LoraAdapter``: a fine-tune that is served beside its base model, under a name of its own."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from llminfra.spec.base.spec import Name, Spec
from llminfra.spec.errors.expectations import refused
from llminfra.spec.models.storage import ModelBucket


class LoraAdapter(Spec):
    """A LoRA adapter in a bucket; callers choose it by ``model=<name>``.

    Either ``key`` says where it lies, or ``id`` and ``revision`` say what is copied there from the Hub. Adapters whose
    keys begin with the same folder are mounted together, as one volume of Mountpoint for S3.
    """

    spec_section: ClassVar[str] = "adapters"

    name: Name
    """Model name in the API."""
    bucket: ModelBucket
    """Bucket of the platform that holds it."""
    rank: Annotated[int, Field(ge=1, le=512)]
    """Rank, ``r`` in ``adapter_config.json``; engines reserve memory for the largest."""
    key: Annotated[str, Field(pattern=r"^([A-Za-z0-9!_.*'()-]+/)*[A-Za-z0-9!_.*'()-]+$")] | None = None
    """Prefix in the bucket with ``adapter_config.json`` directly under it, for example ``adapters/sql/v3``."""
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9_.-]+$")] | None = None
    """Hugging Face id; it is copied to ``<bucket prefix>/<id>/<revision>``."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    """Commit of the repository on the Hub."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.key is None) == (self.id is None):
            raise refused(
                "an adapter lies under key=… of its bucket, or is copied there from the Hub by id=… and revision=…",
                "key",
                "id",
                "revision",
                expected="key, or id and revision",
                fix="give key, or id and revision",
            )
        if (self.id is None) != (self.revision is None):
            raise refused(
                "id and revision go together: an adapter without a commit is another one tomorrow",
                "id",
                "revision",
                expected="id and revision, or neither",
                fix="give both",
            )
        return self
