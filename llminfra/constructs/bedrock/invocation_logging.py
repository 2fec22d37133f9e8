"""Bedrock's invocation logging: one setting for an account and region."""

from __future__ import annotations

from llminfra.bindings import aws
from llminfra.constructs.basis.iam import Statement, role, trusts_service
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.log_group import log_group
from llminfra.constructs.basis.scope import Maker, Scope


def invocation_log_group_name(scope: Scope) -> str:
    """Name of the log group with requests and answers."""
    return f"/llminfra/{scope.platform}/bedrock/invocations"


def invocation_logging(make: Maker, *, days: int, key: Key) -> str:
    """Log every request and answer of the account in this region; returns the log group's name."""
    scope = make.scope
    logs = log_group(make, "bedrock-invocations", name=invocation_log_group_name(scope), days=days, key=key)
    writer = role(
        make,
        "bedrock-logging",
        trust=trusts_service(
            "bedrock.amazonaws.com",
            ("StringEquals", "aws:SourceAccount", [scope.account_id]),
            ("ArnLike", "aws:SourceArn", [scope.arn("bedrock", "*")]),
        ),
        description=f"{scope.platform}: Bedrock writes its invocation log",
        inline={
            "write": [
                Statement(
                    sid="WriteInvocations",
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[f"{logs.arn}:log-stream:aws/bedrock/modelinvocations"],
                )
            ]
        },
    )
    make(
        aws.BedrockModelInvocationLoggingConfiguration,
        "bedrock",
        logging_config=[
            aws.BedrockModelInvocationLoggingConfigurationLoggingConfig(
                text_data_delivery_enabled=True,
                embedding_data_delivery_enabled=False,
                image_data_delivery_enabled=False,
                video_data_delivery_enabled=False,
                cloudwatch_config=[
                    aws.BedrockModelInvocationLoggingConfigurationLoggingConfigCloudwatchConfig(
                        log_group_name=logs.name, role_arn=writer.arn
                    )
                ],
            )
        ],
        depends_on=list(writer.ready),
    )
    return logs.name
