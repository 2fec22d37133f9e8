"""An S3 bucket for what workloads write: encrypted, versioned, closed, and emptied by age."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.iam import denied_without_tls, policy_document
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.storage.bucket_guards import guard_bucket

_KEEP_OLD_VERSIONS_DAYS = 7
_KEEP_PARTS_DAYS = 1


class PrivateBucket(Struct, frozen=True):
    """A bucket, and what must exist before others use it."""

    name: str
    arn: str
    ready: tuple[core.TerraformElement, ...]


def private_bucket(make: Maker, id_: str, *, name: str, key: Key, days_by_prefix: Mapping[str, int]) -> PrivateBucket:
    """Create a bucket whose objects expire by prefix (days); ``name`` is unique in all of AWS."""
    bucket = make(aws.S3Bucket, id_, bucket=name, force_destroy=False)
    name, arn = bucket.bucket, bucket.arn
    guards = guard_bucket(make, id_, name, key)
    make(
        aws.S3BucketLifecycleConfiguration,
        id_,
        bucket=name,
        rule=[_rest(), *(_expiry(prefix, days) for prefix, days in days_by_prefix.items())],
        depends_on=[guards.versioning],
    )
    document = policy_document(
        make,
        f"{id_}-bucket",
        [denied_without_tls("s3:*", resource=arn, below="/*")],
    )
    policy = make(aws.S3BucketPolicy, id_, bucket=name, policy=document, depends_on=[guards.closed])
    return PrivateBucket(name=name, arn=arn, ready=(policy, guards.encryption))


def _rest() -> aws.S3BucketLifecycleConfigurationRule:
    return aws.S3BucketLifecycleConfigurationRule(
        id="unfinished-uploads-and-old-versions",
        status="Enabled",
        filter=[aws.S3BucketLifecycleConfigurationRuleFilter(prefix="")],
        abort_incomplete_multipart_upload=[
            aws.S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload(days_after_initiation=_KEEP_PARTS_DAYS)
        ],
        noncurrent_version_expiration=[
            aws.S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(noncurrent_days=_KEEP_OLD_VERSIONS_DAYS)
        ],
    )


def _expiry(prefix: str, days: int) -> aws.S3BucketLifecycleConfigurationRule:
    return aws.S3BucketLifecycleConfigurationRule(
        id=f"expire-{prefix.strip('/').replace('/', '-')}",
        status="Enabled",
        filter=[aws.S3BucketLifecycleConfigurationRuleFilter(prefix=prefix)],
        expiration=[aws.S3BucketLifecycleConfigurationRuleExpiration(days=days)],
    )
