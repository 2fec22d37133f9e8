"""Rules on a cluster that somebody else made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.planning.controllers.needs import needs_of
from llminfra.rules.rule import Hit, rule

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan


@rule(
    code="LLM_CAP_52",
    title="What is installed already may do what the platform asks of it",
    severity=Severity.WARNING,
    looks_at="plan",
    why="llminfra gives no AWS role to controllers that it does not install, and cannot see what theirs allows. "
    "Without it pods wait for secrets, a gateway's balancer has no targets, volumes are not found, and queues start no "
    "worker.",
    fix="let the controller's own role do this, then accept the finding with a Waiver that says where",
    source=(
        "external-secrets/external-secrets docs/provider/aws-secrets-manager.md: IAM Policy",
        "kubernetes-sigs/aws-load-balancer-controller docs/install/iam_policy.json: RegisterTargets",
        "kedacore/keda-docs content/docs/2.20/scalers/aws-sqs.md: authentication",
        "kubernetes-sigs/aws-fsx-csi-driver docs/install.md: permissions",
    ),
)
def installed_may_act(plan: Plan) -> Iterator[Hit]:
    """Controllers that are there, and calls to AWS that this platform has them make."""
    if plan.cluster is None:
        return
    needs, name = needs_of(plan), plan.platform.name
    asked = {
        "external-secrets": (needs.secret_store, "secretsmanager:GetSecretValue of the secrets that the spec names"),
        "aws-load-balancer-controller": (
            any(item.balanced for item in plan.gateways),
            f"elasticloadbalancing:RegisterTargets and DeregisterTargets of target groups {name}-*",
        ),
        "keda": (bool(needs.keda_queues), f"sqs:GetQueueAttributes of queues {name}-async-*"),
        "aws-fsx-csi-driver": (bool(plan.lustre), "fsx:DescribeFileSystems"),
    }
    for chart in plan.cluster.installed:
        wanted, what = asked.get(chart, (False, ""))
        if wanted:
            yield Hit(
                path="cluster.installed",
                message=f"{chart} is there already: whether its role allows what this platform needs is not known here",
                found=f"{chart} among installed",
                expected=f"its role allows {what}",
            )


RULES = (installed_may_act,)
