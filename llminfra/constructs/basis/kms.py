"""KMS keys: one with rotation, an alias and a policy of its own, or the one that the platform declares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.iam import Condition, Statement, policy_document
from llminfra.constructs.basis.names import identifier
from llminfra.constructs.basis.scope import Maker, Scope
from llminfra.planning.encryption.statements import USE, KeyStatement, linked_role_arn
from llminfra.spec.foundation.encryption import PlatformKeys

# Amazon EC2 Auto Scaling User Guide, "Required AWS KMS key policy for use with encrypted volumes", across accounts.
_LAUNCHES = (*(action.removeprefix("kms:") for action in USE), "CreateGrant")


class Key(Struct, frozen=True):
    """A key; depend on ``ready`` where an AWS service must be able to use it.

    ``for_all``: whether it is declared that it encrypts what AWS would else encrypt with a key of its own.
    """

    arn: str
    ready: tuple[core.TerraformElement, ...]
    for_all: bool


def kms_key(
    make: Maker,
    id_: str,
    *,
    purpose: str,
    statements: Sequence[KeyStatement] = (),
    launchers: Sequence[str] = (),
) -> Key:
    """The key that the platform declares, or a symmetric one, deleted 30 days after Terraform gives it up.

    The account may administer a key that is made through IAM; ``statements`` let AWS services use it. The policy is a
    resource of its own because its statements name the key. The policy of a declared key is its owner's affair; where
    that is another account, ``launchers``, service-linked roles whose rights nobody can change, get a grant.
    """
    scope = make.scope
    if scope.customer_key is not None:
        arn, foreign = scope.customer_key.arn, scope.customer_key.account_id != scope.account_id
        # Fails at plan time where the key is not there, or not for whoever applies.
        make(aws.DataAwsKmsKey, id_, key_id=arn)
        grants = [_grant(make, id_, arn, role) for role in launchers] if foreign else []
        return Key(arn, tuple(grants), for_all=True)
    key = make(
        aws.KmsKey,
        id_,
        description=f"{scope.platform}: {purpose}",
        enable_key_rotation=True,
        rotation_period_in_days=scope.encryption.rotation_days if isinstance(scope.encryption, PlatformKeys) else None,
        deletion_window_in_days=30,
    )
    make(aws.KmsAlias, id_, name=f"alias/{scope.name(id_)}", target_key_id=key.key_id)
    arn = key.arn
    administration = Statement(
        sid="AccountAdministersByIam",
        actions=["kms:*"],
        resources=[arn],
        principals={"AWS": [f"arn:{scope.partition}:iam::{scope.account_id}:root"]},
    )
    document = policy_document(make, f"{id_}-key", [administration, *(_of_key(item, arn) for item in statements)])
    ready = make(aws.KmsKeyPolicy, id_, key_id=key.key_id, policy=document)
    return Key(arn, (ready,), for_all=scope.encryption is not None)


def key_for_all(key: Key) -> Key | None:
    """The key, for what AWS would else encrypt with one of its own; ``None`` where no declaration reaches so far."""
    return key if key.for_all else None


def _of_key(item: KeyStatement, arn: str) -> Statement:
    return Statement(
        sid=item.sid, actions=item.actions, resources=[arn], principals=item.principals, conditions=item.conditions
    )


def _grant(make: Maker, id_: str, key_arn: str, role: str) -> core.TerraformElement:
    name = role.rpartition("/")[2]
    return make(
        aws.KmsGrant,
        identifier(f"{id_}-{name.removeprefix('AWSServiceRoleFor')}"),
        name=make.scope.name(f"{id_}-{name}"),
        key_id=key_arn,
        grantee_principal=linked_role_arn(make.scope, role),
        operations=list(_LAUNCHES),
    )


def uses_key(
    sid: str, key_arn: str | None, scope: Scope, *actions: str, service: Literal["s3", "sns", "sqs", "ec2"] = "s3"
) -> list[Statement]:
    """Use a key through one AWS service only, for a policy of whoever does; nothing where there is no key."""
    if not key_arn:
        return []
    through = [f"{service}.{scope.region}.amazonaws.com"]
    conditions: list[Condition] = [("StringEquals", "kms:ViaService", through)]
    return [Statement(sid=sid, actions=actions, resources=[key_arn], conditions=conditions)]


def makes_volumes(key_arn: str, scope: Scope, *, with_grants: bool = False) -> list[Statement]:
    """Make volumes that the key encrypts, and hand it on to the instances that they are attached to.

    Sources: Karpenter 1.14, "Troubleshooting: Node terminates before ready on failed encrypted EBS volume"; Amazon EKS
    User Guide, "Store Kubernetes volumes with Amazon EBS".

    Args:
        key_arn: The key.
        scope: The stack.
        with_grants: Also see and take back grants, as the EBS CSI driver does when a volume goes.
    """
    grants = ("kms:CreateGrant", *(("kms:ListGrants", "kms:RevokeGrant") if with_grants else ()))
    for_volume: Condition = ("Bool", "kms:GrantIsForAWSResource", ["true"])
    return [
        *uses_key("EncryptVolumes", key_arn, scope, *USE, service="ec2"),
        Statement(sid="AttachVolumes", actions=grants, resources=[key_arn], conditions=[for_volume]),
    ]
