"""SageMaker endpoint configurations (Amazon SageMaker API reference, CreateEndpointConfig)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llminfra.rehearsal.aws.scene import Subject
from llminfra.rehearsal.provider.contract import Problem

_INSTANCE = "ml."


def check_variants(subject: Subject) -> Iterator[Problem]:
    """Production variants that contradict themselves."""
    if subject.type_name != "aws_sagemaker_endpoint_configuration":
        return
    names: list[Any] = []
    for index, variant in enumerate(subject.items("production_variants")):
        if not isinstance(variant, dict):
            continue
        path = ("production_variants", index)
        instance, serverless = variant.get("instance_type"), variant.get("serverless_config")
        if isinstance(instance, str) and instance and not instance.startswith(_INSTANCE):
            yield Problem(
                f"ValidationException: instance type {instance!r} is not a SageMaker type",
                f"SageMaker types start with ml.: ml.{instance}",
                (*path, "instance_type"),
            )
        if instance and serverless:
            yield Problem("ValidationException: a serverless variant takes no instance type", "", path)
        names.append(variant.get("variant_name"))
    given = [name for name in names if isinstance(name, str)]
    if len(set(given)) < len(given):
        yield Problem(
            "ValidationException: variant names must be unique", f"got {', '.join(given)}", ("production_variants",)
        )
