"""What the owner of a declared key must add to its policy, which Terraform cannot edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from llminfra.planning.controllers.needs import needs_of
from llminfra.planning.encryption.launchers import launchers
from llminfra.planning.encryption.statements import (
    USE,
    Condition,
    KeyStatement,
    linked_role_arn,
    used_by_budgets,
    used_by_event_rules,
    used_by_fsx_for_bucket,
    used_by_launchers,
    used_by_log_groups,
    used_by_publishers,
)
from llminfra.planning.endpoints.contract import sagemaker_log_group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.plan import Plan

_FOR_RESOURCE: Condition = ("Bool", "kms:GrantIsForAWSResource", ["true"])


class Account(Struct, frozen=True):
    """The account and region of a platform."""

    region: str
    account_id: str
    partition: str

    def arn(self, service: str, resource: str, *, account: bool = True, region: bool = True) -> str:
        """ARN in this region and account."""
        where = f"{self.region if region else ''}:{self.account_id if account else ''}"
        return f"arn:{self.partition}:{service}:{where}:{resource}"


class KeyPolicy(Struct, frozen=True, kw_only=True):
    """What a declared key's policy must allow.

    Attributes:
        key_arn: The key.
        foreign: Whether another account owns it.
        statements: Statements to add, as JSON has them.
        linked_roles: Services whose service-linked role must be there before the first apply.
    """

    key_arn: str
    foreign: bool
    statements: tuple[dict[str, Any], ...]
    linked_roles: tuple[str, ...]


def key_policy(plan: Plan) -> KeyPolicy | None:
    """Statements for the owner of the declared key; ``None`` where the platform makes its keys itself."""
    key, account_id = plan.platform.customer_key, plan.platform.account_id
    if key is None or account_id is None:
        return None
    where = Account(plan.platform.region, account_id, key.arn.split(":")[1])
    foreign = key.account_id != account_id
    # Statements of several platforms may stand in one policy.
    prefix = "".join(word.capitalize() for word in plan.platform.name.split("-"))
    return KeyPolicy(
        key_arn=key.arn,
        foreign=foreign,
        statements=tuple(_as_json(item, prefix) for item in _statements(plan, where, foreign=foreign)),
        # A grant names its grantee, which has to be there; a condition of a policy has not.
        linked_roles=tuple(role.partition("/")[0] for role in launchers(plan)) if foreign else (),
    )


def _statements(plan: Plan, where: Account, *, foreign: bool) -> Iterator[KeyStatement]:
    account = {"AWS": [f"arn:{where.partition}:iam::{where.account_id}:root"]}
    # What a principal of the account may do with it is then for the account's own IAM policies to say.
    yield KeyStatement(sid="UsedByRoles", actions=USE, principals=account)
    grants = ("kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant")
    yield KeyStatement(sid="GrantedToServices", actions=grants, principals=account, conditions=[_FOR_RESOURCE])
    mirror = plan.platform.images
    if mirror is not None and mirror.create:
        # Amazon ECR User Guide, "Encryption at rest", required IAM permissions.
        yield KeyStatement(sid="RetiredByRepositories", actions=["kms:RetireGrant"], principals=account)
    yield used_by_log_groups(where, *log_groups(plan))
    roles = launchers(plan)
    if not foreign:
        yield from used_by_launchers(where, roles)
    elif roles:
        named = [linked_role_arn(where, role) for role in roles]
        to_launchers: list[Condition] = [("StringEquals", "kms:GranteePrincipal", named)]
        yield KeyStatement(
            sid="GrantedToLaunchers", actions=["kms:CreateGrant"], principals=account, conditions=to_launchers
        )
        yield KeyStatement(sid="SeeAndRevoke", actions=["kms:ListGrants", "kms:RevokeGrant"], principals=account)
    if plan.platform.budget_usd_per_month is not None and plan.cluster is not None:
        yield used_by_budgets(where)
    if plan.async_endpoints or plan.batches:
        yield used_by_publishers(where, "cloudwatch.amazonaws.com")
    if plan.batches or (plan.cluster is not None and needs_of(plan).karpenter):
        yield used_by_event_rules()
    if any(item.source_bucket for item in plan.lustre):
        yield used_by_fsx_for_bucket(where)


def log_groups(plan: Plan) -> tuple[str, ...]:
    """Names of the platform's log groups, and patterns of them."""
    name = plan.platform.name
    groups = [f"/llminfra/{name}/*"]
    if plan.cluster is not None and not plan.cluster.existing:
        groups.append(f"/aws/eks/{plan.cluster.name}/cluster")
    groups += [f"/aws/fsx/{name}/*"] if plan.lustre else []
    groups += [f"/aws/lambda/{name}-*"] if any(item.workers is None for item in plan.async_endpoints) else []
    groups += [sagemaker_log_group(plan, item) for item in plan.sagemaker]
    return tuple(groups)


def _as_json(item: KeyStatement, prefix: str) -> dict[str, Any]:
    tests: dict[str, dict[str, Any]] = {}
    for test, variable, values in item.conditions:
        tests.setdefault(test, {})[variable] = _one_or_more(values)
    return {
        "Sid": f"{prefix}{item.sid}",
        "Effect": "Allow",
        "Principal": {kind: _one_or_more(names) for kind, names in item.principals.items()},
        "Action": _one_or_more(item.actions),
        "Resource": "*",
        **({"Condition": tests} if tests else {}),
    }


def _one_or_more(values: Any) -> Any:
    return values[0] if len(values) == 1 else list(values)
