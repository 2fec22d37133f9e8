"""The rule on platforms that declare their keys: nothing in the synthesized Terraform stores without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llminfra.diagnostics import Severity
from llminfra.rules.rule import Hit, rule
from llminfra.rules.terraform.identity import local_disks
from llminfra.rules.views.helm_values import release_values
from llminfra.rules.views.terraform_view import Block, Stack, Stacks, nested_blocks

_PLATFORM = "platform"
# Where a type names its key: the way through nested blocks, whose absence is the absence of a key.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "aws_bedrock_guardrail": ("kms_key_arn",),
    "aws_cloudwatch_log_group": ("kms_key_id",),
    "aws_codebuild_project": ("encryption_key",),
    "aws_dynamodb_table": ("server_side_encryption", "kms_key_arn"),
    "aws_ebs_volume": ("kms_key_id",),
    "aws_ecr_repository": ("encryption_configuration", "kms_key"),
    "aws_efs_file_system": ("kms_key_id",),
    "aws_eks_cluster": ("encryption_config", "provider", "key_arn"),
    "aws_fsx_lustre_file_system": ("kms_key_id",),
    "aws_lambda_function": ("kms_key_arn",),
    "aws_launch_template": ("block_device_mappings", "ebs", "kms_key_id"),
    "aws_prometheus_workspace": ("kms_key_arn",),
    "aws_s3_bucket_server_side_encryption_configuration": (
        "rule",
        "apply_server_side_encryption_by_default",
        "kms_master_key_id",
    ),
    "aws_s3_object": ("kms_key_id",),
    "aws_sagemaker_endpoint_configuration": ("kms_key_arn",),
    "aws_secretsmanager_secret": ("kms_key_id",),
    "aws_sns_topic": ("kms_master_key_id",),
    "aws_sqs_queue": ("kms_master_key_id",),
}
# Blocks that need no key where they are not there.
_OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "aws_sagemaker_endpoint_configuration": ("async_inference_config", "output_config", "kms_key_id"),
}
# The same in the values of charts.
_VALUES: Mapping[str, tuple[str, ...]] = {
    "cluster-base": ("storageClasses", "kmsKeyId"),
    "karpenter-pools": ("pools", "blockDevices", "kmsKeyId"),
}


@rule(
    code="LLM_KEY_6",
    title="Where keys are declared, everything that stores data has one",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="The declaration says that the owner of the key can cut off every byte at rest. One disk or queue under a key "
    "of AWS makes that untrue, and an auditor finds it before anybody else does.",
    fix="name the declared key in the construct that makes the resource",
    source=(
        "AWS KMS Developer Guide: AWS KMS keys, customer managed keys",
        "Terraform AWS provider 6.25: the key argument of each resource",
    ),
)
def declared_key_everywhere(stacks: Stacks) -> Iterator[Hit]:
    """The key of every resource and release that has a place for one, in stacks whose platform declares keys."""
    for stack in stacks:
        declared = declared_keys(stack)
        if declared is None:
            continue
        for block in stack.blocks:
            if block.mode == "resource":
                yield from _without_key(block)
                if block.type == "aws_kms_key" and declared != _PLATFORM:
                    yield Hit(
                        on=block,
                        message="a key is made beside the one that is declared for everything",
                        found=block.address,
                        expected=declared,
                    )


def declared_keys(stack: Stack) -> str | None:
    """``platform``, the ARN of the customer's key, or ``None`` where nothing is declared."""
    note = stack.document.get("//")
    own = note.get("llminfra") if isinstance(note, Mapping) else None
    return str(own["encryption"]) if isinstance(own, Mapping) and "encryption" in own else None


def _without_key(block: Block) -> Iterator[Hit]:
    body: Mapping[str, Any] = block.body
    ways = [way for way in (_KEYS.get(block.type),) if way is not None and not local_disks(block)]
    optional = _OPTIONAL.get(block.type)
    if optional is not None and nested_blocks(body, optional[0]):
        ways.append(optional)
    if block.type == "helm_release":
        chart = str(block.get("chart") or "").rpartition("/")[2]
        if chart in _VALUES:
            ways, body = [_VALUES[chart]], release_values(block)
    for way in ways:
        if not _all_named(body, way):
            yield Hit(
                on=block,
                message="keys are declared for everything, and this is stored without one",
                found=f"no {'.'.join(way)}",
                expected=f"{'.'.join(way)} = the declared key",
            )


def _all_named(body: Mapping[str, Any], way: tuple[str, ...]) -> bool:
    """Whether each block on the way has what comes next on it."""
    first, *rest = way
    if not rest:
        return bool(body.get(first))
    blocks = nested_blocks(body, first)
    return bool(blocks) and all(_all_named(item.body, tuple(rest)) for item in blocks)


RULES = (declared_key_everywhere,)
