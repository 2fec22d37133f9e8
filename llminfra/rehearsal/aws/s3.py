"""S3: bucket names (Amazon S3 User Guide, "Bucket naming rules"), and what lies in a bucket."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llminfra.rehearsal.aws.scene import Subject
from llminfra.rehearsal.provider.contract import Problem
from llminfra.rehearsal.world import WorldStore

_IP = re.compile(r"^\d+\.\d+\.\d+\.\d+$")
_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def check_bucket_name(subject: Subject) -> Iterator[Problem]:
    """Names that look fine to a pattern and are refused all the same."""
    name = subject.text("bucket") if subject.type_name == "aws_s3_bucket" else ""
    if not name:
        return
    why = ""
    if _IP.match(name):
        why = "it is formatted as an IP address"
    elif ".." in name:
        why = "it has two periods in a row"
    elif name.startswith(_PREFIXES):
        why = f"it starts with {next(item for item in _PREFIXES if name.startswith(item))}"
    elif name.endswith(_SUFFIXES):
        why = f"it ends in {next(item for item in _SUFFIXES if name.endswith(item))}"
    if why:
        yield Problem(f"InvalidBucketName: The specified bucket is not valid: {name}", why, ("bucket",))


def keys_under(world: WorldStore, bucket: str, prefix: str) -> list[str]:
    """Objects that stacks made; else one at the prefix itself, because models are put there by no stack."""
    made = (
        str(item.attributes.get("key"))
        for item in world.all("aws_s3_object")
        if item.attributes.get("bucket") == bucket
    )
    return sorted(key for key in made if key.startswith(prefix)) or [prefix]
