"""A KMS key with rotation, an alias, and a policy of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from llminfra.bindings import aws
from llminfra.constructs.basis.iam import Condition, Statement, policy_document
from llminfra.constructs.basis.scope import Maker, Scope


class Key(Struct, frozen=True):
    """A key; depend on ``policy`` where an AWS service must be able to use it."""

    arn: str
    policy: aws.KmsKeyPolicy


def kms_key(make: Maker, id_: str, *, purpose: str, statements: Sequence[Statement] = ()) -> Key:
    """A symmetric key, rotated yearly, deleted 30 days after Terraform gives it up.

    The account may administer the key through IAM; ``statements`` let AWS services use it. The policy is a resource of
    its own because its statements name the key.
    """
    scope = make.scope
    key = make(
        aws.KmsKey,
        id_,
        description=f"{scope.platform}: {purpose}",
        enable_key_rotation=True,
        deletion_window_in_days=30,
    )
    make(aws.KmsAlias, id_, name=f"alias/{scope.name(id_)}", target_key_id=key.key_id)
    arn = key.arn
    administration = Statement(
        sid="AccountAdministersByIam",
        actions=["kms:*"],
        principals={"AWS": [f"arn:{scope.partition}:iam::{scope.account_id}:root"]},
    )
    document = policy_document(
        make, f"{id_}-key", [replace(item, resources=(arn,)) for item in (administration, *statements)]
    )
    return Key(arn, make(aws.KmsKeyPolicy, id_, key_id=key.key_id, policy=document))


_USE = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey")  # fmt: skip


def uses_key(
    sid: str, key_arn: str | None, scope: Scope, *actions: str, service: Literal["s3", "sns"] = "s3"
) -> list[Statement]:
    """Use a key through one AWS service only, for a policy of whoever does; nothing where there is no key."""
    if not key_arn:
        return []
    through = [f"{service}.{scope.region}.amazonaws.com"]
    conditions: list[Condition] = [("StringEquals", "kms:ViaService", through)]
    return [Statement(sid=sid, actions=actions, resources=[key_arn], conditions=conditions)]


def used_by_log_groups(scope: Scope, *names: str) -> Statement:
    """CloudWatch Logs may encrypt these log groups (CloudWatch Logs User Guide, "Encrypt log data using KMS")."""
    return Statement(
        sid="CloudWatchLogs",
        actions=_USE,
        principals={"Service": [f"logs.{scope.region}.amazonaws.com"]},
        conditions=[
            (
                "ArnLike",
                "kms:EncryptionContext:aws:logs:arn",
                [scope.arn("logs", f"log-group:{name}") for name in names],
            )
        ],
    )


def used_by_fsx_for_bucket(scope: Scope) -> Statement:
    """FSx's service-linked roles may read and write objects that S3 encrypts with the key.

    Amazon FSx for Lustre User Guide, "Working with server-side encrypted Amazon S3 buckets": the role is created
    together with the association, so that the statement can name it by the end of its user id only.
    """
    return Statement(
        sid="FsxDataRepository",
        actions=_USE,
        principals={"AWS": ["*"]},
        conditions=[
            ("StringEquals", "kms:CallerAccount", [scope.account_id]),
            ("StringEquals", "kms:ViaService", [f"s3.{scope.region}.amazonaws.com"]),
            ("StringLike", "aws:userid", ["*:FSx"]),
        ],
    )


def used_by_budgets(scope: Scope) -> Statement:
    """AWS Budgets may publish to a topic that the key encrypts."""
    return Statement(
        sid="Budgets",
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        principals={"Service": ["budgets.amazonaws.com"]},
        conditions=[("StringEquals", "aws:SourceAccount", [scope.account_id])],
    )
