"""Whether a model or an adapter is in its bucket, asked before anything is built that cannot stand without it.

SageMaker refuses an endpoint whose prefix is empty ("Could not find model data"), instances on EC2 would be given up
and started anew until the apply gives up as well, which marks the group for replacement (Terraform AWS provider,
``aws_autoscaling_group``, "Waiting for Capacity"), and pods end and start again until Helm gives up.
"""

from __future__ import annotations

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.scope import Maker


class Stored(Struct, frozen=True, kw_only=True):
    """A prefix of a bucket and the file by which its content is known; ``remedy`` says how that comes there."""

    what: str
    bucket: str
    key: str
    file: str = "config.json"
    remedy: str


def is_there(make: Maker, id_: str, stored: Stored) -> core.TerraformElement:
    """Let the plan of the stack fail where the prefix has no such file; every copy writes ``config.json`` last.

    A destroy only warns: Terraform does not hold conditions against it.
    """
    return make(
        aws.DataAwsS3Objects,
        id_,
        bucket=stored.bucket,
        prefix=f"{stored.key}/{stored.file}",
        max_keys=1,
        lifecycle=core.TerraformResourceLifecycle(
            postcondition=[
                core.Postcondition(
                    condition="${length(self.keys) > 0}",
                    error_message=f"s3://{stored.bucket}/{stored.key}/ has no {stored.file}: {stored.what} is not "
                    f"there, or not all of it yet. {stored.remedy}",
                )
            ]
        ),
    )
