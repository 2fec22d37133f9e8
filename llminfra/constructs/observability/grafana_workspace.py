"""Amazon Managed Grafana: a workspace that people enter through IAM Identity Center and that reads one Prometheus."""

from __future__ import annotations

from collections.abc import Sequence

from llminfra.bindings import aws
from llminfra.constructs.basis.iam import role, trusts_service
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.observability.prometheus_workspace import Workspace, reads_metrics


def grafana_workspace(make: Maker, *, prometheus: Workspace, admin_groups: Sequence[str]) -> str:
    """A workspace with a role of its own; returns its address.

    ``CUSTOMER_MANAGED``, because what the service makes itself may read every workspace of the account (Amazon Managed
    Grafana User Guide, "Permissions and policies").
    """
    scope = make.scope
    trust = trusts_service(
        "grafana.amazonaws.com",
        ("StringEquals", "aws:SourceAccount", [scope.account_id]),
        ("ArnLike", "aws:SourceArn", [scope.arn("grafana", "/workspaces/*")]),
    )
    reader = role(
        make,
        "grafana",
        trust=trust,
        description=f"{scope.platform}: Amazon Managed Grafana reads metrics",
        inline={"metrics": [reads_metrics(prometheus)]},
    )
    workspace = make(
        aws.GrafanaWorkspace,
        "grafana",
        name=scope.name("metrics"),
        account_access_type="CURRENT_ACCOUNT",
        authentication_providers=["AWS_SSO"],
        permission_type="CUSTOMER_MANAGED",
        data_sources=["PROMETHEUS"],
        role_arn=reader.arn,
    )
    if admin_groups:
        make(
            aws.GrafanaRoleAssociation,
            "grafana-admin",
            role="ADMIN",
            group_ids=list(admin_groups),
            workspace_id=workspace.id,
        )
    endpoint: str = workspace.endpoint
    return endpoint
