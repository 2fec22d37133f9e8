"""The S3 bucket of model weights: versioned, under an own key, closed to the public and to plain HTTP."""

from __future__ import annotations

from msgspec import Struct

from llminfra.bindings import aws
from llminfra.constructs.basis.iam import denied_without_tls, policy_document
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.storage.bucket_guards import guard_bucket
from llminfra.planning.plan.infrastructure import BucketPlan

_KEEP_OLD_VERSIONS_DAYS = 90
_KEEP_PARTS_DAYS = 7


class WeightsBucket(Struct, frozen=True):
    """A bucket, and what must exist before others use it."""

    name: str
    arn: str
    ready: tuple[aws.S3BucketPolicy, ...] = ()


def weights_bucket(make: Maker, id_: str, plan: BucketPlan, key: Key) -> WeightsBucket:
    """Create a bucket.

    Reads are audited by CloudTrail's data events, which an account has or has not as a whole: S3's own access logs
    cannot be written to a bucket with a KMS key. Event notifications are left to FSx, which puts its own on a bucket
    that a file system is linked to; a Terraform resource would take them away.
    """
    bucket = make(aws.S3Bucket, id_, bucket=plan.name, force_destroy=False, tags={"Name": plan.name})
    name, arn = bucket.bucket, bucket.arn
    guards = guard_bucket(make, id_, name, key)
    make(
        aws.S3BucketLifecycleConfiguration,
        id_,
        bucket=name,
        rule=[
            aws.S3BucketLifecycleConfigurationRule(
                id="unfinished-uploads-and-old-versions",
                status="Enabled",
                filter=[aws.S3BucketLifecycleConfigurationRuleFilter(prefix="")],
                abort_incomplete_multipart_upload=[
                    aws.S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload(
                        days_after_initiation=_KEEP_PARTS_DAYS
                    )
                ],
                noncurrent_version_expiration=[
                    aws.S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(
                        noncurrent_days=_KEEP_OLD_VERSIONS_DAYS
                    )
                ],
            )
        ],
        depends_on=[guards.versioning],
    )
    document = policy_document(
        make,
        f"{id_}-bucket",
        [denied_without_tls("s3:*", resource=arn, below="/*")],
    )
    policy = make(aws.S3BucketPolicy, id_, bucket=name, policy=document, depends_on=[guards.closed])
    return WeightsBucket(name=name, arn=arn, ready=(policy,))


def existing_bucket(make: Maker, id_: str, plan: BucketPlan) -> WeightsBucket:
    """Look up a bucket; fails at plan time when it is not there or not readable."""
    found = make(aws.DataAwsS3Bucket, id_, bucket=plan.name)
    return WeightsBucket(name=found.bucket, arn=found.arn)
