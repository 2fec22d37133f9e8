"""Repositories of Amazon ECR for copies of images and charts, and the rules by which ECR makes copies itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from llminfra.bindings import aws
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.names import identifier
from llminfra.constructs.basis.scope import Maker

# CreatePullThroughCacheRule, upstreamRegistryUrl: Docker Hub's registry has another host than its images' names.
_UPSTREAM = {"docker.io": "registry-1.docker.io"}


def image_repositories(make: Maker, names: Iterable[str], key: Key | None) -> None:
    """A repository for each name.

    Made before an image comes, so that nodes need no right to create them: a cache rule takes what is there (Amazon ECR
    User Guide, "IAM permissions required to sync an upstream registry"). Tags do not move. Their images are copies, so
    a destroy takes them along. Without a key, ECR's own of the account encrypts them; it cannot be changed later.
    """
    for name in names:
        make(
            aws.EcrRepository,
            _id(name),
            name=name,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=aws.EcrRepositoryImageScanningConfiguration(scan_on_push=True),
            encryption_configuration=[
                aws.EcrRepositoryEncryptionConfiguration(encryption_type="KMS", kms_key=key.arn if key else None)
            ],
            force_delete=True,
            depends_on=list(key.ready) if key else None,
        )


def cache_rules(make: Maker, prefix: str, credentials: Mapping[str, str | None]) -> None:
    """A cache rule for each registry host, with the ARN of its credentials where it needs them."""
    for host, secret in credentials.items():
        make(
            aws.EcrPullThroughCacheRule,
            f"cache-{_id(host)}",
            ecr_repository_prefix=f"{prefix}/{host}",
            upstream_registry_url=_UPSTREAM.get(host, host),
            credential_arn=secret,
        )


def _id(name: str) -> str:
    return identifier(name.replace("/", "-").replace(".", "-"))
