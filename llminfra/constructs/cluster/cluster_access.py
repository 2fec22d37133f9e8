"""Who may talk to the cluster: access entries, no ConfigMap."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from llminfra.bindings import aws
from llminfra.constructs.basis.scope import Maker


def cluster_admins(make: Maker, *, cluster_name: str, role_arns: Sequence[str]) -> None:
    """Make roles cluster-admin; where none is declared, the role that applies this stack."""
    # By name and hash: the same role name may exist in two accounts, and no address may move when an admin is added.
    admins = {
        f"admin-{arn.rpartition('/')[2]}-{hashlib.sha256(arn.encode()).hexdigest()[:6]}": arn for arn in role_arns
    }
    if not admins:
        caller = make(aws.DataAwsCallerIdentity, "applier")
        session = make(aws.DataAwsIamSessionContext, "applier", arn=caller.arn)
        admins = {"admin-applier": session.issuer_arn}
    for id_, arn in admins.items():
        entry = make(aws.EksAccessEntry, id_, cluster_name=cluster_name, principal_arn=arn, type="STANDARD")
        make(
            aws.EksAccessPolicyAssociation,
            id_,
            cluster_name=cluster_name,
            principal_arn=arn,
            policy_arn=f"arn:{make.scope.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            access_scope=aws.EksAccessPolicyAssociationAccessScope(type="cluster"),
            depends_on=[entry],
        )


def node_access(make: Maker, id_: str, *, cluster_name: str, role_arn: str) -> None:
    """Let instances with this role join. Managed node groups do that by themselves; Karpenter's nodes do not."""
    make(aws.EksAccessEntry, id_, cluster_name=cluster_name, principal_arn=role_arn, type="EC2_LINUX")
