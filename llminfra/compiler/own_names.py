"""Names that several stacks of a platform would give twice: Terraform sees one stack at a time, AWS all of them.

Within a stack :class:`llminfra.constructs.basis.scope.Maker` sees it first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from llminfra.constructs.basis.names import same_name
from llminfra.constructs.basis.scope import METADATA_KEY
from llminfra.diagnostics import Diagnostic, SpecError
from llminfra.loading.wording.origins import origin_of
from llminfra.loading.wording.told import as_declared, declared_in_yaml

if TYPE_CHECKING:
    from llminfra.spec.platform import Platform

_NAME = ("name",)
UNIQUE: Mapping[str, tuple[str, ...]] = {
    "aws_autoscaling_group": _NAME,
    "aws_batch_job_definition": _NAME,
    "aws_batch_job_queue": _NAME,
    "aws_cloudwatch_event_rule": _NAME,
    "aws_cloudwatch_log_group": _NAME,
    "aws_cloudwatch_metric_alarm": ("alarm_name",),
    "aws_codebuild_project": _NAME,
    "aws_eks_pod_identity_association": ("namespace", "service_account"),
    "aws_iam_instance_profile": _NAME,
    "aws_iam_policy": _NAME,
    "aws_iam_role": _NAME,
    "aws_kms_alias": _NAME,
    "aws_lambda_function": ("function_name",),
    "aws_launch_template": _NAME,
    "aws_lb": _NAME,
    "aws_lb_target_group": _NAME,
    "aws_placement_group": _NAME,
    "aws_s3_bucket": ("bucket",),
    "aws_sagemaker_endpoint": _NAME,
    "aws_security_group": _NAME,
    "aws_sns_topic": _NAME,
    "aws_sqs_queue": _NAME,
    "aws_ssm_parameter": _NAME,
    "helm_release": ("namespace", "name"),
}
"""What tells two resources of a type apart within an account, a region, a VPC or a cluster."""


def check_names(documents: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse two objects of a spec that would give one name.

    Args:
        documents: Content of ``cdk.tf.json`` of each stack of a platform.

    Raises:
        SpecError: It names each pair.
    """
    first: dict[tuple[str, ...], str] = {}
    found = []
    for kind, values, path in _names(documents):
        other = first.setdefault((kind, *values), path)
        if other != path:
            found.append(same_name(path, other, f"{kind} {'/'.join(values)}"))
    if found:
        raise SpecError(found)


def _names(documents: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for document in documents.values():
        for kind, attributes in UNIQUE.items():
            for body in document.get("resource", {}).get(kind, {}).values():
                values = tuple(str(body.get(attribute, "")) for attribute in attributes)
                if all(value and "${" not in value for value in values):
                    yield kind, values, body.get("//", {}).get(METADATA_KEY, {}).get("spec_path", "")


def placed(platform: Platform, error: SpecError) -> SpecError:
    """The error with the file and line of each path."""
    if declared_in_yaml(platform):
        return SpecError(as_declared(platform, error.diagnostics))
    return SpecError(_at(item, origin_of(platform, item.path)) for item in error.diagnostics)


def _at(item: Diagnostic, place: tuple[str, int] | None) -> Diagnostic:
    return item if place is None else replace(item, file=place[0], line=place[1])
