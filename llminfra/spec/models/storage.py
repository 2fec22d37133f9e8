"""Where model weights live: an S3 bucket, and what may stand in front of it: Lustre, or the nodes' own NVMe."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from llminfra.spec.base.names import BucketName, KmsKeyArn
from llminfra.spec.base.spec import Name, Spec
from llminfra.spec.engines.base import Image
from llminfra.spec.errors.expectations import refused


class ModelBucket(Spec):
    """A versioned, KMS-encrypted S3 bucket with model weights under ``models/<id>/<revision>/``."""

    spec_section: ClassVar[str] = "storage"
    kind: Literal["bucket"] = "bucket"

    name: BucketName
    """Bucket name, unique in all of AWS: 3 to 63 lower-case letters, digits, dots and hyphens, for example
    ``acme-llm-weights``."""
    existing: bool = False
    """Whether the bucket is already there and only read."""
    prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9!_.*'()-]+/)*[A-Za-z0-9!_.*'()-]+$")] = "models"
    """Key prefix under which models lie."""
    kms_key_arn: KmsKeyArn | None = None
    """Key that encrypts a bucket that is already there, where it is a customer-managed one: readers may decrypt with
    it. Its own policy must let the account's roles use it, too."""

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        if self.kms_key_arn and not self.existing:
            raise refused(
                "a bucket that llminfra makes is encrypted with a key that it makes, too",
                "kms_key_arn",
                "existing",
                expected="kms_key_arn beside existing=True only",
                fix="leave kms_key_arn out, or set existing=True",
            )
        return self


class Lustre(Spec):
    """An FSx for Lustre file system (PERSISTENT_2, SSD), in one zone, optionally linked to a bucket."""

    spec_section: ClassVar[str] = "storage"
    kind: Literal["lustre"] = "lustre"

    name: Name
    """Name of the file system."""
    capacity_gib: Annotated[int, Field(ge=1200)] = 4800
    """Storage capacity in GiB: 1200, 2400, or a multiple of 2400; with EFA a multiple of 38400, 19200, 9600 or 4800 at
    125, 250, 500 or 1000 MB/s per TiB."""
    throughput_mbps_per_tib: Literal[125, 250, 500, 1000] = 500
    """Baseline throughput in MB/s per TiB of capacity."""
    source: ModelBucket | None = None
    """Bucket whose objects appear as files, loaded on first read."""
    zone: str | None = None
    """Availability zone; ``None``: the zone of the pools that read it."""
    efa: bool = False
    """EFA-enabled file system: only for EFA pools, fixed at creation."""


class LocalNvme(Spec):
    """Weights on the local NVMe of a pool's nodes, copied from a bucket.

    The first pod on a node copies the model before its engine starts; later pods on that node find it there.
    """

    kind: Literal["nvme"] = "nvme"

    source: ModelBucket
    """Bucket that the model is copied from."""
    copy_image: Image | None = None
    """Image with Python that copies, for engines whose own has none; ``None``: the engine's."""


Storage = Annotated[ModelBucket | Lustre, Field(discriminator="kind")]
"""Anything that holds weights."""
