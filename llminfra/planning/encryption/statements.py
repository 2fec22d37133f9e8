"""Statements of a key's policy: which AWS services may use the key, and for what.

The same statements stand in policies of keys that stacks make and in what is printed for the owner of another key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct

Test = Literal["StringEquals", "StringLike", "ArnLike", "Bool"]
Condition = tuple[Test, str, Sequence[str]]
"""A test, a variable, and values of which one must hold."""

USE = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey",
       "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey")  # fmt: skip
"""What it takes to encrypt and decrypt."""


class Where(Protocol):
    """The account and region that statements are about."""

    @property
    def region(self) -> str:
        """AWS region."""

    @property
    def account_id(self) -> str:
        """Account number, or an expression that finds it."""

    @property
    def partition(self) -> str:
        """AWS partition."""

    def arn(self, service: str, resource: str, *, account: bool = True, region: bool = True) -> str:
        """ARN in this region and account."""


class KeyStatement(Struct, frozen=True, kw_only=True):
    """A statement that allows something about the key in whose policy it stands.

    Attributes:
        sid: Name of the statement, letters and digits.
        actions: Actions of AWS KMS.
        principals: Identifiers by kind (``Service``, ``AWS``).
        conditions: Tests that must all hold.
    """

    sid: str
    actions: Sequence[str]
    principals: Mapping[str, Sequence[str]]
    conditions: Sequence[Condition] = ()


def used_by_log_groups(where: Where, *names: str) -> KeyStatement:
    """CloudWatch Logs may encrypt these log groups (CloudWatch Logs User Guide, "Encrypt log data using KMS")."""
    groups = [where.arn("logs", f"log-group:{name}") for name in names]
    return KeyStatement(
        sid="CloudWatchLogs",
        actions=USE,
        principals={"Service": [f"logs.{where.region}.amazonaws.com"]},
        conditions=[("ArnLike", "kms:EncryptionContext:aws:logs:arn", groups)],
    )


def used_by_fsx_for_bucket(where: Where) -> KeyStatement:
    """FSx's service-linked roles may read and write objects that S3 encrypts with the key.

    Amazon FSx for Lustre User Guide, "Working with server-side encrypted Amazon S3 buckets": the role is created
    together with the association, so that the statement can name it by the end of its user id only.
    """
    return KeyStatement(
        sid="FsxDataRepository",
        actions=USE,
        principals={"AWS": ["*"]},
        conditions=[
            ("StringEquals", "kms:CallerAccount", [where.account_id]),
            ("StringEquals", "kms:ViaService", [f"s3.{where.region}.amazonaws.com"]),
            ("StringLike", "aws:userid", ["*:FSx"]),
        ],
    )


def used_by_budgets(where: Where) -> KeyStatement:
    """AWS Budgets may publish to a topic that the key encrypts."""
    return _published("Budgets", where, "budgets.amazonaws.com")


def used_by_publishers(where: Where, *services: str) -> KeyStatement:
    """AWS services may publish to topics that the key encrypts (Amazon SNS Developer Guide, "Key management")."""
    return _published("Publishers", where, *services)


def used_by_event_rules() -> KeyStatement:
    """EventBridge may put notices into queues that the key encrypts; the queues' policies say of which rules.

    Without a condition on the source: for encrypted topics EventBridge supports none in the key's policy (Amazon SNS
    Developer Guide, "Key management"), and none is documented for queues (Amazon SQS Developer Guide, "Key
    management").
    """
    return KeyStatement(
        sid="EventRules",
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        principals={"Service": ["events.amazonaws.com"]},
    )


def used_by_launchers(where: Where, roles: Sequence[str]) -> tuple[KeyStatement, ...]:
    """Service-linked roles may launch instances whose volumes the key encrypts.

    The two statements of Amazon EC2 Auto Scaling User Guide, "Required AWS KMS key policy for use with encrypted
    volumes". A principal that is not there yet is refused in a key's policy, and AWS makes these roles when they are
    first needed: so a condition names them.

    Args:
        where: The account and region of the instances.
        roles: Roles as ``<service>/<name>``; none: no statement.
    """
    if not roles:
        return ()
    of_account: Condition = ("StringEquals", "kms:CallerAccount", [where.account_id])
    is_role: Condition = ("ArnLike", "aws:PrincipalArn", [linked_role_arn(where, role) for role in roles])
    for_volume: Condition = ("Bool", "kms:GrantIsForAWSResource", ["true"])
    return (
        KeyStatement(sid="LaunchInstances", actions=USE, principals={"AWS": ["*"]}, conditions=[of_account, is_role]),
        KeyStatement(
            sid="AttachVolumes",
            actions=["kms:CreateGrant"],
            principals={"AWS": ["*"]},
            conditions=[of_account, is_role, for_volume],
        ),
    )


def linked_role_arn(where: Where, role: str) -> str:
    """ARN of a service-linked role, ``<service>/<name>``."""
    return where.arn("iam", f"role/aws-service-role/{role}", region=False)


def _published(sid: str, where: Where, *services: str) -> KeyStatement:
    return KeyStatement(
        sid=sid,
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        principals={"Service": list(services)},
        conditions=[("StringEquals", "aws:SourceAccount", [where.account_id])],
    )
