"""A Lambda function in private subnets, from an archive that travels with the stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.iam import Role
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.storage.workload_archive import archive_path

RUNTIME = "python3.13"
"""Deprecated on 30 June 2029 (AWS Lambda Developer Guide, "Lambda runtimes")."""


class Function(Struct, frozen=True, kw_only=True):
    """What a function is.

    Attributes:
        id: Name without the platform.
        why: Its description.
        workload: Workload whose archive it runs.
        handler: Module and function in it.
        environment: Variables; no secrets.
        timeout_s: Seconds of one invocation.
        memory_mib: Memory.
        concurrency: Most invocations at once, reserved for it in the account.
        log_group: Name of its log group.
        trace: Whether X-Ray follows it.
        subnet_ids: Private subnets.
        security_group_id: Its security group.
    """

    id: str
    why: str
    workload: str
    handler: str
    environment: Mapping[str, str]
    timeout_s: int
    memory_mib: int
    concurrency: int
    log_group: str
    trace: bool
    subnet_ids: Sequence[str]
    security_group_id: str


def lambda_function(
    make: Maker, item: Function, *, role: Role, key: Key, after: Sequence[core.TerraformElement]
) -> aws.LambdaFunction:
    """Create a function; its code changes when the archive does."""
    archive = archive_path(item.workload)
    return make(
        aws.LambdaFunction,
        item.id,
        function_name=make.scope.name(item.id),
        description=item.why,
        role=role.arn,
        runtime=RUNTIME,
        architectures=["arm64"],
        handler=item.handler,
        filename=archive,
        source_code_hash=f'${{filebase64sha256("{archive}")}}',
        timeout=item.timeout_s,
        memory_size=item.memory_mib,
        reserved_concurrent_executions=item.concurrency,
        environment=aws.LambdaFunctionEnvironment(variables=dict(item.environment)),
        kms_key_arn=key.arn,
        vpc_config=aws.LambdaFunctionVpcConfig(
            subnet_ids=list(item.subnet_ids), security_group_ids=[item.security_group_id]
        ),
        tracing_config=aws.LambdaFunctionTracingConfig(mode="Active" if item.trace else "PassThrough"),
        logging_config=aws.LambdaFunctionLoggingConfig(log_format="Text", log_group=item.log_group),
        depends_on=[*role.ready, *key.ready, *after],
    )


def consume_queue(make: Maker, id_: str, *, queue_arn: str, function: aws.LambdaFunction, concurrency: int) -> None:
    """Give a queue's messages to a function, one at a time to each invocation.

    The bound is on the poller: without it, messages above the reserved concurrency would count as failed deliveries
    (AWS Lambda Developer Guide, "Configuring scaling behavior for SQS event source mappings").
    """
    make(
        aws.LambdaEventSourceMapping,
        id_,
        event_source_arn=queue_arn,
        function_name=function.arn,
        batch_size=1,
        function_response_types=["ReportBatchItemFailures"],
        scaling_config=aws.LambdaEventSourceMappingScalingConfig(maximum_concurrency=concurrency),
    )
