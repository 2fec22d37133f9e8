"""What the owner of a declared key must do, in lines to copy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llminfra.planning.encryption.policy import key_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.plan import Plan


def for_key_owner(plan: Plan) -> Iterator[str]:
    """Statements of the key's policy, and what must be there before; none where the platform makes its keys itself."""
    policy = key_policy(plan)
    if policy is None:
        return
    account = plan.platform.account_id
    whose = "of another account" if policy.foreign else "of this account"
    yield f"the policy of {policy.key_arn}, {whose}, needs these statements, which Terraform cannot add:"
    yield from json.dumps(policy.statements, indent=2).splitlines()
    if policy.linked_roles:
        yield f"before the first apply, once in account {account}, unless the role is there:"
        for service in policy.linked_roles:
            yield f"aws iam create-service-linked-role --aws-service-name {service}"
