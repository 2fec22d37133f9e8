"""A cluster that somebody else made: what is asked of it, and what does not go with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.plan.infrastructure import ClusterPlan
from llminfra.spec.foundation.network import ExistingNetwork

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.spec.compute.existing_cluster import ExistingCluster
    from llminfra.spec.platform import Platform

_KARPENTER = "karpenter"


def plan_existing(platform: Platform, spec: ExistingCluster, version: str, findings: Findings) -> ClusterPlan:
    """What is known of the cluster.

    Args:
        platform: The platform.
        spec: What it says of its cluster.
        version: Kubernetes version to plan with.
        findings: What does not go together is told here.
    """
    if not isinstance(platform.network, ExistingNetwork):
        findings.error(
            "LLM_CAP_50",
            spec,
            "cluster",
            "the cluster is there, and so is its VPC: nodes in a new one cannot join it",
            found="a VPC that llminfra makes",
            expected="the VPC and the private subnets of the cluster",
            fix="set network=ExistingNetwork(vpc_id=…, cidr=…, private_subnet_ids=…)",
        )
    there = _KARPENTER in spec.installed
    sure = not {"installed", "karpenter_node_role"} & set(spec.doubtful)
    if sure and there != (spec.karpenter_node_role is not None):
        findings.error(
            "LLM_CAP_51",
            spec,
            "cluster.karpenter_node_role",
            "a Karpenter that is there starts nodes with a role that it may pass, which has an access entry"
            if there
            else "the role is for a Karpenter that is there, and none is named as installed",
            found="no karpenter_node_role" if there else f"karpenter_node_role={spec.karpenter_node_role!r}",
            expected="the role in its own EC2NodeClass" if there else "karpenter among installed, or no role",
            fix="set karpenter_node_role='…'" if there else "set installed=['karpenter'], or leave the role out",
            runtime_message="is not authorized to perform: iam:PassRole" if there else None,
        )
    return ClusterPlan(
        name=spec.name,
        version=version,
        identity=spec.identity,
        admin_role_arns=(),
        public_access_cidrs=(),
        private_access_cidrs=(),
        log_days=0,
        deletion_protection=False,
        autoscaler="karpenter",
        system_nodes=None,
        addons=(),
        existing=True,
        node_group_id=spec.node_security_group_id,
        installed=tuple(spec.installed),
        karpenter_node_role=spec.karpenter_node_role,
        provided=tuple(spec.install),
        shared_with=tuple(item for item in spec.shared_with if not item.broken),
        shared=True,
    )
