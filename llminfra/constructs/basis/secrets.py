"""Who may read a secret of Secrets Manager."""

from __future__ import annotations

from collections.abc import Sequence

from llminfra.constructs.basis.iam import Statement
from llminfra.constructs.basis.scope import Scope


def secret_arn(scope: Scope, name: str) -> str:
    """ARN of a secret by its name, behind which Secrets Manager puts a hyphen and six characters."""
    return scope.arn("secretsmanager", f"secret:{name}-??????")


def reads_secrets(
    scope: Scope, arns: Sequence[str], *, sid: str = "ReadSecrets", describe: bool = False
) -> list[Statement]:
    """Read these secrets, with whatever key of the account they are encrypted.

    Under the key that Secrets Manager keeps itself nobody needs more; under a customer's own, readers need
    ``kms:Decrypt``, or they are told "Access to KMS is not allowed" (AWS Secrets Manager User Guide, "Secret encryption
    and decryption", permissions for the KMS key). Which key it is the spec does not say. It may be used through Secrets
    Manager alone, which asks for nothing but these secrets; the key's own policy must agree. A declared key of another
    account may be theirs, too.

    Args:
        scope: The stack.
        arns: ARNs of the secrets, or patterns of them.
        sid: Name of the statement that reads.
        describe: Also look secrets up without their values.
    """
    keys = [scope.arn("kms", "key/*")]
    if scope.customer_key is not None and scope.customer_key.account_id != scope.account_id:
        keys.append(scope.customer_key.arn)
    actions = ["secretsmanager:GetSecretValue", *(["secretsmanager:DescribeSecret"] if describe else [])]
    return [
        Statement(sid=sid, actions=actions, resources=arns),
        Statement(
            sid="DecryptSecrets",
            actions=["kms:Decrypt"],
            resources=keys,
            conditions=[("StringEquals", "kms:ViaService", [f"secretsmanager.{scope.region}.{scope.dns_suffix}"])],
        ),
    ]
