"""VPC flow logs into an encrypted log group."""

from __future__ import annotations

from llminfra.bindings import aws
from llminfra.constructs.basis.iam import Statement, role, trusts_service
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.log_group import log_group
from llminfra.constructs.basis.scope import Maker, Scope


def flow_log_group_name(scope: Scope) -> str:
    """Name of the log group, for the key's policy."""
    return f"/llminfra/{scope.platform}/vpc-flow-logs"


def flow_logs(make: Maker, *, vpc_id: str, days: int, key: Key) -> None:
    """Log all traffic of the VPC for so many days."""
    scope = make.scope
    group = log_group(make, "flow-logs", name=flow_log_group_name(scope), days=days, key=key)
    group_arn = group.arn
    writer = role(
        make,
        "flow-logs",
        description=f"{scope.platform}: VPC flow logs write to CloudWatch",
        trust=trusts_service(
            "vpc-flow-logs.amazonaws.com",
            ("StringEquals", "aws:SourceAccount", [scope.account_id]),
            ("ArnLike", "aws:SourceArn", [scope.arn("ec2", "vpc-flow-log/*")]),
        ),
        inline={
            "write": [
                Statement(
                    sid="WriteStreams",
                    actions=["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                    resources=[group_arn, f"{group_arn}:*"],
                )
            ]
        },
    )
    make(
        aws.FlowLog,
        "vpc",
        vpc_id=vpc_id,
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_destination=group_arn,
        iam_role_arn=writer.arn,
        max_aggregation_interval=60,
        tags={"Name": scope.platform},
    )
