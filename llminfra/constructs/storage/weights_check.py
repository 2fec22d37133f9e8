"""Whether a model is in its bucket, asked before anything is built that cannot stand without it.

SageMaker refuses an endpoint whose prefix is empty ("Could not find model data"), and instances on EC2 would be given
up and started anew until the apply gives up as well, which marks the group for replacement (Terraform AWS provider,
``aws_autoscaling_group``, "Waiting for Capacity").
"""

from __future__ import annotations

from llminfra.bindings import aws, core
from llminfra.constructs.basis.scope import Maker


def weights_are_there(make: Maker, id_: str, *, bucket: str, key: str, remedy: str) -> core.TerraformElement:
    """Let the plan of the stack fail where the prefix has no ``config.json``, which every copy writes last.

    A destroy only warns: Terraform does not hold conditions against it.
    """
    return make(
        aws.DataAwsS3Objects,
        f"{id_}-weights",
        bucket=bucket,
        prefix=f"{key}/config.json",
        max_keys=1,
        lifecycle=core.TerraformResourceLifecycle(
            postcondition=[
                core.Postcondition(
                    condition="${length(self.keys) > 0}",
                    error_message=f"s3://{bucket}/{key}/ has no config.json: the model is not there, or not all of it "
                    f"yet. {remedy}",
                )
            ]
        ),
    )
