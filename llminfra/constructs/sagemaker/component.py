"""A SageMaker inference component: a real-time endpoint that can give up its last instance.

The Terraform AWS provider has no resource for components (hashicorp/terraform-provider-aws#35226). A CloudFormation
stack of one resource is the way that needs no second provider: the AWS provider creates, updates and deletes it.

Sources: SageMaker AI Developer Guide, "Scale an endpoint to zero instances"; AWS CloudFormation Template Reference,
``AWS::SageMaker::InferenceComponent``.
"""

from __future__ import annotations

import json

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.sagemaker.endpoint import PREFIX_LIMIT, Variant
from llminfra.constructs.sagemaker.scaling import Metric, Scaled, Scaling, WakeUp, scale, wake
from llminfra.planning.plan.made_names import bounded

_DIMENSION = "sagemaker:inference-component:DesiredCopyCount"
_STACK_MARGIN_S = 1800
# A component is scaled by its own name, so that the variant below it may change its instances.
_VARIANT = "main"


class Copy(Struct, frozen=True, kw_only=True):
    """What one copy of the model takes of an instance."""

    gpus: int
    memory_mib: int


def component(
    make: Maker,
    id_: str,
    *,
    name: str,
    model: aws.SagemakerModel,
    variant: Variant,
    copy: Copy,
    role_arn: str,
    scaling: Scaling,
) -> None:
    """An endpoint without model, a component with one, and the scaling of both from zero and back.

    SageMaker keeps as many instances as the copies need (managed instance scaling); copies follow the requests.
    """
    configuration = make(
        aws.SagemakerEndpointConfiguration,
        id_,
        name_prefix=bounded(name, PREFIX_LIMIT - 1) + "-",
        execution_role_arn=role_arn,
        kms_key_arn=variant.kms_key_arn,
        production_variants=[
            aws.SagemakerEndpointConfigurationProductionVariants(
                variant_name=_VARIANT,
                instance_type=variant.instance_type,
                initial_instance_count=variant.instances,
                inference_ami_version=variant.inference_ami_version,
                volume_size_in_gb=variant.volume_gib,
                managed_instance_scaling=aws.SagemakerEndpointConfigurationProductionVariantsManagedInstanceScaling(
                    status="ENABLED", min_instance_count=scaling.fewest, max_instance_count=scaling.most
                ),
                routing_config=[
                    aws.SagemakerEndpointConfigurationProductionVariantsRoutingConfig(
                        routing_strategy="LEAST_OUTSTANDING_REQUESTS"
                    )
                ],
            )
        ],
        lifecycle=core.TerraformResourceLifecycle(create_before_destroy=True),
    )
    served = make(aws.SagemakerEndpoint, id_, name=name, endpoint_config_name=configuration.name)
    minutes = (variant.startup_timeout_s + (variant.download_timeout_s or 0) + _STACK_MARGIN_S) // 60
    stack = make(
        aws.CloudformationStack,
        id_,
        name=f"{name}-component",
        # Not by jsonencode(): an argument of a function is text to CDKTF, and references in it would be escaped.
        template_body=json.dumps(template(name, served.name, model.name, variant, copy)),
        timeout_in_minutes=minutes,
        on_failure="DELETE",
        # The provider gives up after half an hour, while CloudFormation goes on (aws_cloudformation_stack, timeouts).
        timeouts=aws.CloudformationStackTimeouts(create=f"{minutes}m", update=f"{minutes}m"),
    )
    target = scale(
        make,
        id_,
        "requests",
        what=Scaled(resource_id=f"inference-component/{name}", dimension=_DIMENSION),
        by=Metric(name="SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"),
        scaling=scaling,
        after=[stack],
    )
    called = WakeUp(
        why=f"{name} was called and has no instance",
        metric="NoCapacityInvocationFailures",
        dimensions={"InferenceComponentName": name},
        statistic="Sum",
        aggregation="Maximum",
        minutes=1,
    )
    wake(make, id_, name, target, called)


def template(name: str, endpoint: str, model: str, variant: Variant, copy: Copy) -> dict[str, object]:
    """The CloudFormation template; the number of copies in it is the first one, scaling changes it from then on."""
    startup = {"ContainerStartupHealthCheckTimeoutInSeconds": variant.startup_timeout_s}
    if variant.download_timeout_s is not None:
        startup["ModelDataDownloadTimeoutInSeconds"] = variant.download_timeout_s
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "Component": {
                "Type": "AWS::SageMaker::InferenceComponent",
                "Properties": {
                    "InferenceComponentName": name,
                    "EndpointName": endpoint,
                    "VariantName": _VARIANT,
                    "RuntimeConfig": {"CopyCount": 1},
                    "Specification": {
                        "ModelName": model,
                        "StartupParameters": startup,
                        "ComputeResourceRequirements": {
                            "NumberOfAcceleratorDevicesRequired": copy.gpus,
                            "MinMemoryRequiredInMb": copy.memory_mib,
                        },
                    },
                },
            }
        },
    }
