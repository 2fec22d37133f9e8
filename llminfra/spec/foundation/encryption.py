"""Whose keys encrypt what a platform stores: the platform's own, or one that somebody else manages.

Source: AWS KMS Developer Guide, "Rotate AWS KMS keys": a rotation period of 90 to 2560 days, 365 by default.
"""

from typing import Annotated, Literal

from pydantic import Field

from llminfra.spec.base.names import KmsKeyArn
from llminfra.spec.base.spec import Spec


class PlatformKeys(Spec):
    """Keys that the platform makes, one for each of its Terraform stacks, for everything that is stored.

    What has a key without the declaration keeps it; disks of nodes, volumes of pods, images, notices of EventBridge and
    logs of SageMaker get one, too.
    """

    kind: Literal["platform"] = "platform"

    rotation_days: Annotated[int, Field(ge=90, le=2560)] = 365
    """Days after which AWS KMS makes new key material, 90 to 2560."""


class CustomerKey(Spec):
    """One key that somebody else manages, for everything that is stored; no other is made.

    Its own policy must let the platform use it: `llminfra plan` prints the statements.
    """

    kind: Literal["customer"] = "customer"

    arn: KmsKeyArn
    """ARN of a symmetric key in the platform's region, of the platform's account or of another."""

    @property
    def region(self) -> str:
        """Region of the key."""
        return self.arn.split(":")[3]

    @property
    def account_id(self) -> str:
        """Account that owns the key."""
        return self.arn.split(":")[4]

    @property
    def id(self) -> str:
        """The key's id."""
        return self.arn.rpartition("/")[2]


Encryption = Annotated[PlatformKeys | CustomerKey, Field(discriminator="kind")]
"""Whose keys encrypt."""
