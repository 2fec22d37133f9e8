"""What managed add-ons are told, by their own configuration schemas (``aws eks describe-addon-configuration``)."""

from __future__ import annotations

from llminfra.constructs.basis.kms import Key, makes_volumes
from llminfra.constructs.basis.scope import Scope
from llminfra.constructs.cluster.eks_addon import AddonSettings
from llminfra.constructs.cluster.fsx_csi_policy import looks_up_file_systems
from llminfra.planning.plan import Plan


def addon_settings(name: str, plan: Plan, scope: Scope, key: Key | None) -> AddonSettings:
    """Settings of an add-on; the empty ones for those that are right as they come.

    Args:
        name: The add-on.
        plan: The plan.
        scope: The stack.
        key: Key of volumes that it makes; ``None``: the one that the account has for EBS.
    """
    if name == "vpc-cni":
        # Prefixes instead of single addresses: pods start faster and a node holds more of them. Network policies are
        # what keeps strangers off an endpoint, and without this flag they are only decoration.
        return AddonSettings(
            configuration={
                "enableNetworkPolicy": "true",
                "env": {"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "1"},
            }
        )
    if name == "aws-ebs-csi-driver" and key is not None:
        return AddonSettings(inline={"key": makes_volumes(key.arn, scope, with_grants=True)})
    if name == "coredns":
        return AddonSettings(configuration={"replicaCount": 2})
    if name == "aws-fsx-csi-driver":
        # Volumes are static: the controller only looks file systems up. Its node pods must run where GPU pods do.
        return AddonSettings(
            configuration={"node": {"tolerateAllTaints": True}},
            inline={"describe": [looks_up_file_systems(scope)]},
        )
    if name == "eks-node-monitoring-agent":
        return AddonSettings(
            configuration={
                "dcgmAgent": {
                    "tolerations": [
                        {"key": taint.key, "operator": "Exists", "effect": taint.effect} for taint in plan.taints
                    ]
                }
            }
            if plan.taints
            else {}
        )
    return AddonSettings()
