"""Roles of a batch job: what its containers may do, and what starts them."""

from __future__ import annotations

from llminfra.compiler.contracts import StorageContract
from llminfra.compiler.stacks.batch_containers import WORKLOAD, BatchCode
from llminfra.compiler.stacks.serving import reads_weights
from llminfra.constructs.basis.iam import Role, Statement, role, trusts_service
from llminfra.constructs.basis.kms import Key, uses_key
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.basis.secrets import reads_secrets
from llminfra.planning.plan.targets import BatchPlan


def _s3(uri: str) -> tuple[str, str]:
    """Bucket, and prefix with a slash at its end."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return bucket, f"{prefix.rstrip('/')}/"


def job_role(
    make: Maker, id_: str, item: BatchPlan, *, code: BatchCode, key: Key, storage: StorageContract | None
) -> Role:
    """A role that reads one prefix, writes another, and loads one model and the runner's code, which is under a key."""
    scope = make.scope
    (source, source_prefix), (target, target_prefix) = _s3(item.spec.input), _s3(item.spec.output)
    bucket_arn = f"arn:{scope.partition}:s3:::"
    statements = [
        Statement(sid="ReadInput", actions=["s3:GetObject"], resources=[f"{bucket_arn}{source}/{source_prefix}*"]),
        Statement(
            sid="WriteOutput",
            actions=["s3:GetObject", "s3:PutObject"],
            resources=[f"{bucket_arn}{target}/{target_prefix}*"],
        ),
        Statement(
            sid="ListInput",
            actions=["s3:ListBucket"],
            resources=[f"{bucket_arn}{source}"],
            conditions=[("StringLike", "s3:prefix", [f"{source_prefix}*"])],
        ),
        Statement(
            sid="ListOutput",
            actions=["s3:ListBucket"],
            resources=[f"{bucket_arn}{target}"],
            conditions=[("StringLike", "s3:prefix", [f"{target_prefix}*"])],
        ),
        Statement(sid="ReadCode", actions=["s3:GetObject"], resources=[f"{code.bucket_arn}/{WORKLOAD}/*"]),
        Statement(sid="DecryptCode", actions=["kms:Decrypt"], resources=[key.arn]),
    ]
    statements += uses_key("InputKey", item.spec.input_kms_key_arn, scope, "kms:Decrypt")
    statements += uses_key("OutputKey", item.spec.output_kms_key_arn, scope, "kms:Decrypt", "kms:GenerateDataKey")
    weights = item.serving.weights
    inline = {"job": statements}
    if weights.kind == "bucket" and weights.storage and weights.key and storage:
        inline["weights"] = list(reads_weights(storage.buckets[weights.storage], weights.key, scope))
    return role(
        make,
        f"{id_}-job",
        trust=trusts_service("ecs-tasks.amazonaws.com", ("StringEquals", "aws:SourceAccount", [scope.account_id])),
        description=f"{scope.platform}: batch job {item.name}",
        inline=inline,
    )


def execution_role(make: Maker, id_: str, log_group_arn: str, secret_arns: list[str]) -> Role:
    """A role by which ECS starts the container: logs, and secrets where there are some."""
    scope = make.scope
    statements = [
        Statement(
            sid="WriteLogs",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[f"{log_group_arn}:*"],
        )
    ]
    if secret_arns:
        statements += reads_secrets(scope, secret_arns)
    return role(
        make,
        f"{id_}-execution",
        trust=trusts_service("ecs-tasks.amazonaws.com", ("StringEquals", "aws:SourceAccount", [scope.account_id])),
        description=f"{scope.platform}: starts containers of {id_}",
        inline={"start": statements},
    )
