"""What the AWS Load Balancer Controller may do where Terraform makes the load balancers: keep their targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.constructs.basis.iam import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.constructs.basis.scope import Scope

# The part of kubernetes-sigs/aws-load-balancer-controller@11eb202c9 (v3.5.0) docs/install/iam_policy.json that
# TargetGroupBindings need; describing has no resource-level permissions.
_LOOKS_UP = (
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeInstances",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
)


def registers_targets(scope: Scope, others: Sequence[str] = ()) -> Sequence[Statement]:
    """Look up addresses and groups, and register targets in the groups of platforms on the cluster alone.

    Args:
        scope: The stack.
        others: Names of platforms besides the stack's.
    """
    # A name that is too long for a group keeps 23 of its characters.
    own = [
        scope.arn("elasticloadbalancing", f"targetgroup/{name[:23]}*/*")
        for name in dict.fromkeys([scope.platform, *others])
    ]
    return [
        Statement(sid="LookUpTargets", actions=list(_LOOKS_UP), resources=["*"]),
        Statement(
            sid="KeepTargets",
            actions=["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"],
            resources=own,
        ),
    ]
