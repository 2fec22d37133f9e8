"""Where Terraform keeps its state."""

from typing import Annotated, Literal

from pydantic import Field

from llminfra.spec.base.names import BucketName
from llminfra.spec.base.spec import Spec


class S3State(Spec):
    """State in S3: encrypted, with native locking, one key per stack."""

    kind: Literal["s3"] = "s3"
    bucket: BucketName
    """Existing bucket, versioned and encrypted, for example ``acme-terraform-state``."""
    region: str | None = None
    """Region of the bucket; ``None``: the platform's."""
    prefix: str = ""
    """Key prefix; the key is ``<prefix>/<platform>/<stack>.tfstate``."""
    kms_key_arn: Annotated[str, Field(pattern=r"^arn:[a-z-]+:kms:")] | None = None
    """ARN of the KMS key; ``None``: that of `CustomerKey`, or the bucket's default encryption key."""


class LocalState(Spec):
    """State in files beside the stacks: for demos and rehearsals."""

    kind: Literal["local"] = "local"


State = Annotated[S3State | LocalState, Field(discriminator="kind")]
"""Any place for state."""
