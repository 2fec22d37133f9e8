"""A SageMaker model, its endpoint configuration, the endpoint, and what it scales on.

Sources: SageMaker AI Developer Guide, "Deploy uncompressed models", "Autoscale an asynchronous endpoint", "Auto scaling
prerequisites"; Terraform AWS provider, ``aws_sagemaker_endpoint_configuration`` (a new configuration must exist before
the old one goes, since the endpoint names it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.sagemaker.scaling import Metric, Scaled, Scaling, WakeUp, scale, wake
from llminfra.planning.plan.made_names import bounded

# The provider adds 26 characters, and SageMaker takes 63.
PREFIX_LIMIT = 37
_LONGEST_UPDATE_S = 7200
_WATCHED_S = 300


def variant_name(instance_type: str) -> str:
    """Name of the one variant, which changes with the machines.

    SageMaker refuses another instance type, or another variant, while the variant is registered for scaling (SageMaker
    AI Developer Guide, "Update endpoints that use auto scaling"). With a name of its own the target is another one,
    which Terraform takes away before it updates the endpoint, and registers anew after it.

    Example:
        >>> variant_name("ml.g6e.2xlarge")
        'ml-g6e-2xlarge'
    """
    return instance_type.replace(".", "-")


class HostedModel(Struct, frozen=True, kw_only=True):
    """What the container is.

    Attributes:
        image_uri: Image in the region's ECR.
        environment: Variables of the container.
        weights_uri: ``s3://`` prefix that SageMaker copies to the instance, with a slash at its end.
        role_arn: Execution role.
        network_isolation: No network for the container at all.
        subnet_ids: Subnets of its interfaces.
        security_group_id: Their group.
    """

    image_uri: str
    environment: Mapping[str, str]
    weights_uri: str | None
    role_arn: str
    network_isolation: bool
    subnet_ids: Sequence[str] = ()
    security_group_id: str | None = None


class Variant(Struct, frozen=True, kw_only=True):
    """The machines: time-outs in seconds, the volume in GiB (none for types with local NVMe)."""

    instance_type: str
    instances: int
    startup_timeout_s: int
    download_timeout_s: int | None
    inference_ami_version: str | None
    volume_gib: int | None
    kms_key_arn: str | None


class AsyncOutput(Struct, frozen=True, kw_only=True):
    """Where answers go, who hears of them, and how many requests one instance works on."""

    s3_uri: str
    kms_key_arn: str | None
    success_topic_arn: str
    error_topic_arn: str
    concurrent: int


def hosted_model(
    make: Maker, id_: str, model: HostedModel, after: Sequence[core.TerraformElement]
) -> aws.SagemakerModel:
    """A model without a name of its own, so that a changed one can stand beside the old one."""
    source = None
    if model.weights_uri is not None:
        source = aws.SagemakerModelPrimaryContainerModelDataSource(
            s3_data_source=[
                aws.SagemakerModelPrimaryContainerModelDataSourceS3DataSource(
                    s3_uri=model.weights_uri, s3_data_type="S3Prefix", compression_type="None"
                )
            ]
        )
    return make(
        aws.SagemakerModel,
        id_,
        execution_role_arn=model.role_arn,
        enable_network_isolation=model.network_isolation,
        primary_container=aws.SagemakerModelPrimaryContainer(
            image=model.image_uri, environment=dict(model.environment) or None, model_data_source=source
        ),
        vpc_config=aws.SagemakerModelVpcConfig(
            subnets=list(model.subnet_ids), security_group_ids=[model.security_group_id]
        )
        if model.security_group_id
        else None,
        depends_on=list(after),
        lifecycle=core.TerraformResourceLifecycle(create_before_destroy=True),
    )


def endpoint(
    make: Maker,
    id_: str,
    *,
    name: str,
    model: aws.SagemakerModel,
    variant: Variant,
    asynchronous: AsyncOutput | None = None,
) -> aws.SagemakerEndpoint:
    """The configuration and the endpoint; a real-time endpoint goes back to the old one when it answers with errors."""
    configuration = make(
        aws.SagemakerEndpointConfiguration,
        id_,
        name_prefix=bounded(name, PREFIX_LIMIT - 1) + "-",
        kms_key_arn=variant.kms_key_arn,
        production_variants=[
            aws.SagemakerEndpointConfigurationProductionVariants(
                variant_name=variant_name(variant.instance_type),
                model_name=model.name,
                instance_type=variant.instance_type,
                initial_instance_count=variant.instances,
                initial_variant_weight=1,
                container_startup_health_check_timeout_in_seconds=variant.startup_timeout_s,
                model_data_download_timeout_in_seconds=variant.download_timeout_s,
                inference_ami_version=variant.inference_ami_version,
                volume_size_in_gb=variant.volume_gib,
                routing_config=[
                    aws.SagemakerEndpointConfigurationProductionVariantsRoutingConfig(
                        routing_strategy="LEAST_OUTSTANDING_REQUESTS"
                    )
                ],
            )
        ],
        async_inference_config=_async_config(asynchronous) if asynchronous else None,
        lifecycle=core.TerraformResourceLifecycle(create_before_destroy=True),
    )
    deployment = None if asynchronous else _deployment(make, id_, name, variant)
    return make(
        aws.SagemakerEndpoint, id_, name=name, endpoint_config_name=configuration.name, deployment_config=deployment
    )


def _async_config(output: AsyncOutput) -> aws.SagemakerEndpointConfigurationAsyncInferenceConfig:
    return aws.SagemakerEndpointConfigurationAsyncInferenceConfig(
        client_config=aws.SagemakerEndpointConfigurationAsyncInferenceConfigClientConfig(
            max_concurrent_invocations_per_instance=output.concurrent
        ),
        output_config=aws.SagemakerEndpointConfigurationAsyncInferenceConfigOutputConfig(
            s3_output_path=output.s3_uri,
            s3_failure_path=f"{output.s3_uri}-failed",
            kms_key_id=output.kms_key_arn,
            notification_config=aws.SagemakerEndpointConfigurationAsyncInferenceConfigOutputConfigNotificationConfig(
                success_topic=output.success_topic_arn, error_topic=output.error_topic_arn
            ),
        ),
    )


def _deployment(make: Maker, id_: str, name: str, variant: Variant) -> aws.SagemakerEndpointDeploymentConfig:
    alarm = make(
        aws.CloudwatchMetricAlarm,
        f"{id_}-errors",
        alarm_name=f"{name}-errors",
        alarm_description=f"{name} answers with errors: a deployment goes back",
        namespace="AWS/SageMaker",
        metric_name="Invocation5XXErrors",
        dimensions={"EndpointName": name, "VariantName": variant_name(variant.instance_type)},
        statistic="Sum",
        period=60,
        evaluation_periods=2,
        threshold=5,
        comparison_operator="GreaterThanThreshold",
        treat_missing_data="notBreaching",
    )
    return aws.SagemakerEndpointDeploymentConfig(
        auto_rollback_configuration=aws.SagemakerEndpointDeploymentConfigAutoRollbackConfiguration(
            alarms=[aws.SagemakerEndpointDeploymentConfigAutoRollbackConfigurationAlarms(alarm_name=alarm.alarm_name)]
        ),
        blue_green_update_policy=aws.SagemakerEndpointDeploymentConfigBlueGreenUpdatePolicy(
            maximum_execution_timeout_in_seconds=_LONGEST_UPDATE_S,
            termination_wait_in_seconds=_WATCHED_S,
            traffic_routing_configuration=(
                aws.SagemakerEndpointDeploymentConfigBlueGreenUpdatePolicyTrafficRoutingConfiguration(
                    type="ALL_AT_ONCE", wait_interval_in_seconds=_WATCHED_S
                )
            ),
        ),
    )


def scale_on_requests(
    make: Maker, id_: str, served: aws.SagemakerEndpoint, instance_type: str, scaling: Scaling
) -> None:
    """Real time: requests that a model has at once, running and waiting, measured every ten seconds."""
    by = Metric(name="SageMakerVariantConcurrentRequestsPerModelHighResolution")
    scale(make, id_, "requests", what=_variant(served, instance_type), by=by, scaling=scaling)


def scale_on_backlog(
    make: Maker, id_: str, served: aws.SagemakerEndpoint, instance_type: str, name: str, scaling: Scaling
) -> None:
    """Asynchronous: the backlog per instance, and a step that wakes the endpoint from zero."""
    dimensions = {"EndpointName": name}
    by = Metric(name="ApproximateBacklogSizePerInstance", dimensions=dimensions)
    target = scale(make, id_, "backlog", what=_variant(served, instance_type), by=by, scaling=scaling)
    waiting = WakeUp(
        why=f"{name} has requests and no instance",
        metric="HasBacklogWithoutCapacity",
        dimensions=dimensions,
        statistic="Average",
        aggregation="Average",
        minutes=2,
        cooldown_s=scaling.cooldown_s,
    )
    wake(make, id_, name, target, waiting)


def _variant(served: aws.SagemakerEndpoint, instance_type: str) -> Scaled:
    return Scaled(
        resource_id=f"endpoint/{served.name}/variant/{variant_name(instance_type)}",
        dimension="sagemaker:variant:DesiredInstanceCount",
    )
