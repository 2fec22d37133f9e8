"""What Karpenter's controller may do: only to what it made itself, in this cluster and region.

The permissions are those of Karpenter 1.14 (aws/karpenter-provider-aws@1d927085d: website/content/en/docs/
getting-started/getting-started-with-karpenter/cloudformation.yaml), without the making of instance profiles and with
one region. Reading actions that EC2 cannot restrict to a resource are restricted to the region.
"""

from __future__ import annotations

from collections.abc import Sequence

from llminfra.constructs.basis.iam import Condition, Statement
from llminfra.constructs.basis.kms import makes_volumes, uses_key
from llminfra.constructs.basis.scope import Scope


def karpenter_policies(
    scope: Scope, *, cluster_name: str, node_role_arn: str, queue_arn: str, spot: bool, key_arn: str | None
) -> dict[str, Sequence[Statement]]:
    """Inline policies of the controller's role, by name.

    Args:
        scope: The stack.
        cluster_name: Name of the cluster, as text (it becomes part of tag keys).
        node_role_arn: Role of the nodes that Karpenter starts.
        queue_arn: The interruption queue.
        spot: Whether it may ask for Spot instances.
        key_arn: Key of its nodes' volumes and of the queue; ``None``: keys of AWS, which ask for no permission.
    """
    owned: Condition = ("StringEquals", f"aws:ResourceTag/kubernetes.io/cluster/{cluster_name}", ["owned"])
    asks_owned: Condition = ("StringEquals", f"aws:RequestTag/kubernetes.io/cluster/{cluster_name}", ["owned"])
    asks_cluster: Condition = ("StringEquals", "aws:RequestTag/eks:eks-cluster-name", [cluster_name])
    of_pool: Condition = ("StringLike", "aws:ResourceTag/karpenter.sh/nodepool", ["*"])
    asks_pool: Condition = ("StringLike", "aws:RequestTag/karpenter.sh/nodepool", ["*"])

    def ec2(*kinds: str) -> list[str]:
        return [scope.arn("ec2", f"{kind}/*") for kind in kinds]

    def shared_ec2(*kinds: str) -> list[str]:
        # Subnets of a shared VPC and shared reservations (terraform-aws-modules/terraform-aws-iam#227).
        return [scope.foreign_arn("ec2", f"{kind}/*") for kind in kinds]

    def public_ec2(*kinds: str) -> list[str]:
        return [scope.arn("ec2", f"{kind}/*", account=False) for kind in kinds]

    created = ec2("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request")
    return {
        "nodes": [
            Statement(
                sid="LaunchWithPublicImages",
                actions=["ec2:RunInstances", "ec2:CreateFleet"],
                resources=[
                    *public_ec2("image", "snapshot"),
                    *shared_ec2("security-group", "subnet", "capacity-reservation", "placement-group"),
                ],
            ),
            Statement(
                sid="LaunchWithOwnTemplates",
                actions=["ec2:RunInstances", "ec2:CreateFleet"],
                resources=ec2("launch-template"),
                conditions=[owned, of_pool],
            ),
            Statement(
                sid="LaunchTagged",
                actions=["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"],
                resources=created,
                conditions=[asks_owned, asks_cluster, asks_pool],
            ),
            Statement(
                sid="TagWhatItLaunches",
                actions=["ec2:CreateTags"],
                resources=created,
                conditions=[
                    asks_owned,
                    asks_cluster,
                    asks_pool,
                    ("StringEquals", "ec2:CreateAction", ["RunInstances", "CreateFleet", "CreateLaunchTemplate"]),
                ],
            ),
            Statement(
                sid="NameOwnInstances",
                actions=["ec2:CreateTags"],
                resources=ec2("instance"),
                conditions=[
                    owned,
                    of_pool,
                    ("StringEqualsIfExists", "aws:RequestTag/eks:eks-cluster-name", [cluster_name]),
                    (
                        "ForAllValues:StringEquals",
                        "aws:TagKeys",
                        ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"],
                    ),
                ],
            ),
            Statement(
                sid="DeleteOwn",
                actions=["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"],
                resources=ec2("instance", "launch-template"),
                conditions=[owned, of_pool],
            ),
        ],
        **({"spot": [_spot_role(scope)]} if spot else {}),
        "instance-profiles": _instance_profiles(scope, node_role_arn),
        "cluster": [
            Statement(
                sid="FindTheApi",
                actions=["eks:DescribeCluster"],
                resources=[scope.arn("eks", f"cluster/{cluster_name}")],
            )
        ],
        "interruption": [
            Statement(
                sid="ReadInterruptions",
                actions=["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
                resources=[queue_arn],
            )
        ],
        "discovery": _discovery(scope),
        **({"key": _key(scope, key_arn)} if key_arn else {}),
    }


def _key(scope: Scope, key_arn: str) -> list[Statement]:
    return [
        *makes_volumes(key_arn, scope),
        *uses_key("DecryptInterruptions", key_arn, scope, "kms:Decrypt", service="sqs"),
    ]


def _instance_profiles(scope: Scope, node_role_arn: str) -> list[Statement]:
    """Give nodes their role; the profile is there already, so none is made, changed or deleted."""
    profiles = [scope.arn("iam", "instance-profile/*", region=False)]
    return [
        Statement(
            sid="PassTheNodeRole",
            actions=["iam:PassRole"],
            resources=[node_role_arn],
            conditions=[("StringEquals", "iam:PassedToService", [f"ec2.{scope.dns_suffix}"])],
        ),
        Statement(sid="ReadProfiles", actions=["iam:GetInstanceProfile"], resources=profiles),
    ]


def _spot_role(scope: Scope) -> Statement:
    """The first Spot request of an account makes EC2's own role, or fails where the caller must not.

    Karpenter 1.14, "Troubleshooting": ``AuthFailure.ServiceLinkedRoleCreationNotPermitted``.
    """
    service = "spot.amazonaws.com"
    return Statement(
        sid="FirstSpotRequest",
        actions=["iam:CreateServiceLinkedRole"],
        resources=[scope.arn("iam", f"role/aws-service-role/{service}/AWSServiceRoleForEC2Spot", region=False)],
        conditions=[("StringEquals", "iam:AWSServiceName", [service])],
    )


def _discovery(scope: Scope) -> list[Statement]:
    return [
        Statement(
            sid="ReadInRegion",
            actions=[
                "ec2:DescribeCapacityReservations",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceStatus",
                "ec2:DescribeInstanceTypeOfferings",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeInstances",
                "ec2:DescribeLaunchTemplates",
                "ec2:DescribePlacementGroups",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSpotPriceHistory",
                "ec2:DescribeSubnets",
            ],
            resources=["*"],
            conditions=[("StringEquals", "aws:RequestedRegion", [scope.region])],
        ),
        Statement(
            sid="ReadPublicAmiNames",
            actions=["ssm:GetParameter"],
            resources=[scope.arn("ssm", "parameter/aws/service/*", account=False)],
        ),
        Statement(
            sid="ReadPricesAndProfiles", actions=["pricing:GetProducts", "iam:ListInstanceProfiles"], resources=["*"]
        ),
    ]
