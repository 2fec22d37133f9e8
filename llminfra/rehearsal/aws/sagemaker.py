"""SageMaker endpoints and their configurations (Amazon SageMaker API reference, CreateEndpointConfig)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llminfra.rehearsal.aws.scene import Scene, Subject
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


def check_scaled_variants(scene: Scene, subject: Subject) -> Iterator[Problem]:
    """An update that takes a variant away, or gives it other machines, while it is registered for scaling.

    Amazon SageMaker AI Developer Guide, "Update endpoints that use auto scaling": the update fails.
    """
    if subject.type_name != "aws_sagemaker_endpoint":
        return
    name = subject.text("name")
    served = scene.find(("aws_sagemaker_endpoint",), "name", name)
    if served is None:
        return
    wanted = _machines(scene, subject.text("endpoint_config_name"))
    for variant, machine in _machines(scene, str(served.attributes.get("endpoint_config_name"))).items():
        target = f"endpoint/{name}/variant/{variant}"
        if wanted.get(variant) != machine and scene.find(("aws_appautoscaling_target",), "resource_id", target):
            yield Problem(
                f"ValidationException: the variant {variant!r} must be deregistered as a scalable target before it can "
                "be removed or have its instance type updated",
                f"{target} is registered with Application Auto Scaling",
                ("endpoint_config_name",),
            )


def _machines(scene: Scene, configuration: str) -> dict[str, Any]:
    """Instance types by variant."""
    found = scene.find(("aws_sagemaker_endpoint_configuration",), "name", configuration)
    variants = (found.attributes.get("production_variants") or []) if found else []
    return {str(item.get("variant_name")): item.get("instance_type") for item in variants}
