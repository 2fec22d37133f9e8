"""What the Cluster Autoscaler may do: resize the groups of this cluster."""

from __future__ import annotations

from collections.abc import Sequence

from llminfra.constructs.basis.iam import Statement
from llminfra.constructs.basis.scope import Scope


def cluster_autoscaler_policies(scope: Scope, *, cluster_name: str) -> dict[str, Sequence[Statement]]:
    """Inline policies of its role (kubernetes/autoscaler, cluster-autoscaler/cloudprovider/aws/README.md)."""
    owned = ("StringEquals", f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster_name}", ["owned"])
    return {
        "resize": [
            Statement(
                sid="ResizeOwnGroups",
                actions=["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
                resources=[scope.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*")],
                conditions=[("StringEquals", owned[1], owned[2])],
            ),
            Statement(
                sid="ReadNodeGroups",
                actions=["eks:DescribeNodegroup"],
                resources=[scope.arn("eks", f"nodegroup/{cluster_name}/*/*")],
            ),
            Statement(
                sid="ReadInRegion",
                actions=[
                    "autoscaling:DescribeAutoScalingGroups",
                    "autoscaling:DescribeAutoScalingInstances",
                    "autoscaling:DescribeLaunchConfigurations",
                    "autoscaling:DescribeScalingActivities",
                    "autoscaling:DescribeTags",
                    "ec2:DescribeImages",
                    "ec2:DescribeInstanceTypes",
                    "ec2:DescribeLaunchTemplateVersions",
                    "ec2:GetInstanceTypesFromInstanceRequirements",
                ],
                resources=["*"],
                conditions=[("StringEquals", "aws:RequestedRegion", [scope.region])],
            ),
        ]
    }
