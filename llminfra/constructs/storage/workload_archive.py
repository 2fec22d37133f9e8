"""Where the archive of a workload lies beside a stack."""

from __future__ import annotations

from llminfra.bindings import aws
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.storage.private_bucket import PrivateBucket

WORKLOADS = "workloads"
"""Folder beside ``cdk.tf.json``."""


def archive_path(workload: str) -> str:
    """Path of an archive, as Terraform finds it from any working directory."""
    return f"${{path.module}}/{WORKLOADS}/{workload}.zip"


def stored_archive(make: Maker, id_: str, workload: str, *, bucket: PrivateBucket, key: Key) -> aws.S3Object:
    """An archive in a bucket, for containers that fetch it.

    The digest is in the object's key, so that what was started before an update finds what it was made for.
    """
    archive = archive_path(workload)
    digest = f'${{filesha256("{archive}")}}'
    return make(
        aws.S3Object,
        id_,
        bucket=bucket.name,
        key=f"{workload}/{digest}.zip",
        source=archive,
        source_hash=digest,
        server_side_encryption="aws:kms",
        kms_key_id=key.arn,
        bucket_key_enabled=True,
        depends_on=[*bucket.ready, *key.ready],
    )
