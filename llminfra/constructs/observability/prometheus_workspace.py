"""Amazon Managed Service for Prometheus: a workspace, and what may write to it."""

from __future__ import annotations

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.iam import Statement
from llminfra.constructs.basis.scope import Maker

# What the service accepts (API reference, UpdateWorkspaceConfiguration: 1 to 1095 days).
MOST_DAYS = 1095


class Workspace(Struct, frozen=True):
    """A workspace; ``remote_write_url`` is where Prometheus sends samples."""

    arn: str
    endpoint: str
    remote_write_url: str
    ready: tuple[core.TerraformElement, ...]


def prometheus_workspace(make: Maker, *, key_arn: str, days: int) -> Workspace:
    """A workspace that keeps metrics for ``days``, encrypted with the given key."""
    workspace = make(aws.PrometheusWorkspace, "prometheus", alias=make.scope.name("metrics"), kms_key_arn=key_arn)
    id_ = workspace.id
    endpoint = workspace.prometheus_endpoint
    configuration = make(
        aws.PrometheusWorkspaceConfiguration,
        "prometheus",
        workspace_id=id_,
        retention_period_in_days=min(days, MOST_DAYS),
    )
    return Workspace(
        arn=workspace.arn,
        endpoint=endpoint,
        # prometheus_endpoint ends in a slash (Terraform AWS provider, aws_prometheus_workspace).
        remote_write_url=f"{endpoint}api/v1/remote_write",
        ready=(workspace, configuration),
    )


def writes_metrics(workspace: Workspace) -> Statement:
    """Send samples, and nothing else."""
    return Statement(sid="WriteMetrics", actions=["aps:RemoteWrite"], resources=[workspace.arn])


def reads_metrics(workspace: Workspace) -> Statement:
    """Query, and see which series there are."""
    return Statement(
        sid="ReadMetrics",
        actions=[
            "aps:DescribeWorkspace",
            "aps:QueryMetrics",
            "aps:GetLabels",
            "aps:GetSeries",
            "aps:GetMetricMetadata",
        ],
        resources=[workspace.arn],
    )
