"""The EKS control plane: private endpoint, access entries only, secrets under an own key, all logs kept."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from llminfra.bindings import aws
from llminfra.constructs.basis.iam import Role, role, trusts_service
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.log_group import log_group
from llminfra.constructs.basis.scope import Maker, Scope
from llminfra.planning.plan.infrastructure import ClusterPlan

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")


class Cluster(Struct, frozen=True):
    """A control plane, with the expressions that others need."""

    resource: aws.EksCluster
    name: str
    security_group_id: str
    oidc_issuer: str
    oidc_provider_arn: str


def control_plane_log_group(plan: ClusterPlan) -> str:
    """Name of the log group that EKS writes to; EKS creates it without encryption where it does not exist."""
    return f"/aws/eks/{plan.name}/cluster"


def eks_cluster(make: Maker, plan: ClusterPlan, *, subnet_ids: Sequence[str], key: Key) -> Cluster:
    """Create the control plane and the OIDC provider for IAM roles of service accounts.

    Nobody is admin by having created it: admins are access entries. Add-ons are managed ones only.
    """
    scope = make.scope
    logs = log_group(make, "control-plane", name=control_plane_log_group(plan), days=plan.log_days, key=key)
    controls = _role(make, scope)
    cluster = make(
        aws.EksCluster,
        "cluster",
        name=plan.name,
        version=plan.version,
        role_arn=controls.arn,
        access_config=aws.EksClusterAccessConfig(
            authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
        ),
        bootstrap_self_managed_addons=False,
        deletion_protection=plan.deletion_protection,
        enabled_cluster_log_types=list(LOG_TYPES),
        encryption_config=aws.EksClusterEncryptionConfig(
            provider=aws.EksClusterEncryptionConfigProvider(key_arn=key.arn), resources=["secrets"]
        ),
        upgrade_policy=aws.EksClusterUpgradePolicy(support_type="STANDARD"),
        vpc_config=aws.EksClusterVpcConfig(
            subnet_ids=list(subnet_ids),
            endpoint_private_access=True,
            endpoint_public_access=bool(plan.public_access_cidrs),
            public_access_cidrs=list(plan.public_access_cidrs) or None,
        ),
        depends_on=[logs, *controls.ready],
    )
    issuer = cluster.identity.get(0).oidc.get(0).issuer
    # AWS checks the issuer's certificate against its own library: a thumbprint would only go stale.
    provider = make(
        aws.IamOpenidConnectProvider,
        "oidc",
        url=issuer,
        client_id_list=["sts.amazonaws.com"],
        tags={"Name": scope.name("oidc")},
    )
    return Cluster(
        resource=cluster,
        name=cluster.name,
        security_group_id=cluster.vpc_config.cluster_security_group_id,
        oidc_issuer=issuer,
        oidc_provider_arn=provider.arn,
    )


def _role(make: Maker, scope: Scope) -> Role:
    return role(
        make,
        "cluster",
        description=f"{scope.platform}: EKS control plane",
        trust=trusts_service("eks.amazonaws.com", ("StringEquals", "aws:SourceAccount", [scope.account_id])),
        managed=[scope.managed_policy("AmazonEKSClusterPolicy")],
    )
