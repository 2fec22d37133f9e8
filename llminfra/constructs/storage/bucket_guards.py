"""What every bucket has: one owner, no public access, versions, and objects under a KMS key."""

from __future__ import annotations

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Maker


class BucketGuards(Struct, frozen=True):
    """The guards that later resources of the bucket wait for."""

    closed: core.TerraformElement
    versioning: core.TerraformElement
    encryption: core.TerraformElement


def guard_bucket(make: Maker, id_: str, name: str, key: Key) -> BucketGuards:
    """Guard the bucket called ``name``; its policy waits for ``closed``, its lifecycle for ``versioning``."""
    make(
        aws.S3BucketOwnershipControls,
        id_,
        bucket=name,
        rule=aws.S3BucketOwnershipControlsRule(object_ownership="BucketOwnerEnforced"),
    )
    closed = make(
        aws.S3BucketPublicAccessBlock,
        id_,
        bucket=name,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
    versioning = make(
        aws.S3BucketVersioningA,
        id_,
        bucket=name,
        versioning_configuration=aws.S3BucketVersioningVersioningConfiguration(status="Enabled"),
    )
    encryption = make(
        aws.S3BucketServerSideEncryptionConfigurationA,
        id_,
        bucket=name,
        rule=[
            aws.S3BucketServerSideEncryptionConfigurationRuleA(
                bucket_key_enabled=True,
                apply_server_side_encryption_by_default=(
                    aws.S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA(
                        sse_algorithm="aws:kms", kms_master_key_id=key.arn
                    )
                ),
            )
        ],
    )
    return BucketGuards(closed, versioning, encryption)
