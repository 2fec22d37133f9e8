"""How SageMaker variants and inference components grow and shrink, and what wakes them from zero.

Sources: SageMaker AI Developer Guide, "Automatic scaling of SageMaker AI models", "Autoscale an asynchronous endpoint",
"Scale an endpoint to zero instances"; Application Auto Scaling User Guide, target tracking and step scaling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.scope import Maker

_SCALE_OUT_COOLDOWN_S = 60


class Scaling(Struct, frozen=True, kw_only=True):
    """Fewest and most instances or copies, and the load of one that scaling aims at."""

    fewest: int
    most: int
    target: float
    cooldown_s: int


class Scaled(Struct, frozen=True, kw_only=True):
    """What is scaled, in the words of Application Auto Scaling."""

    resource_id: str
    dimension: str


class Metric(Struct, frozen=True, kw_only=True):
    """A metric of SageMaker: a predefined one by its type, or any other by name and dimensions."""

    name: str
    dimensions: Mapping[str, str] | None = None


def scale(
    make: Maker,
    id_: str,
    policy: str,
    *,
    what: Scaled,
    by: Metric,
    scaling: Scaling,
    after: Sequence[core.TerraformElement] = (),
) -> aws.AppautoscalingTarget:
    """Hold a metric at the target by target tracking, within the bounds."""
    target = make(
        aws.AppautoscalingTarget,
        id_,
        min_capacity=scaling.fewest,
        max_capacity=scaling.most,
        resource_id=what.resource_id,
        scalable_dimension=what.dimension,
        service_namespace="sagemaker",
        depends_on=list(after) or None,
    )
    make(
        aws.AppautoscalingPolicy,
        id_,
        name=f"{id_}-{policy}",
        policy_type="TargetTrackingScaling",
        resource_id=target.resource_id,
        scalable_dimension=target.scalable_dimension,
        service_namespace=target.service_namespace,
        target_tracking_scaling_policy_configuration=aws.AppautoscalingPolicyTargetTrackingScalingPolicyConfiguration(
            target_value=scaling.target,
            scale_in_cooldown=scaling.cooldown_s,
            scale_out_cooldown=_SCALE_OUT_COOLDOWN_S,
            predefined_metric_specification=_predefined(by) if by.dimensions is None else None,
            customized_metric_specification=_customized(by, by.dimensions) if by.dimensions is not None else None,
        ),
    )
    return target


class WakeUp(Struct, frozen=True, kw_only=True):
    """A metric that tells of calls while there is no instance; ``minutes`` of it in a row start one."""

    why: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    aggregation: str
    minutes: int
    cooldown_s: int = _SCALE_OUT_COOLDOWN_S


def wake(make: Maker, id_: str, name: str, target: aws.AppautoscalingTarget, on: WakeUp) -> None:
    """A step from zero to one: target tracking divides by instances, and so never leaves zero."""
    policy = make(
        aws.AppautoscalingPolicy,
        f"{id_}-wake",
        name=f"{id_}-wake",
        policy_type="StepScaling",
        resource_id=target.resource_id,
        scalable_dimension=target.scalable_dimension,
        service_namespace=target.service_namespace,
        step_scaling_policy_configuration=aws.AppautoscalingPolicyStepScalingPolicyConfiguration(
            adjustment_type="ChangeInCapacity",
            metric_aggregation_type=on.aggregation,
            cooldown=on.cooldown_s,
            step_adjustment=[
                aws.AppautoscalingPolicyStepScalingPolicyConfigurationStepAdjustment(
                    metric_interval_lower_bound="0", scaling_adjustment=1
                )
            ],
        ),
    )
    make(
        aws.CloudwatchMetricAlarm,
        f"{id_}-wake",
        alarm_name=f"{name}-wake",
        alarm_description=on.why,
        namespace="AWS/SageMaker",
        metric_name=on.metric,
        dimensions=dict(on.dimensions),
        statistic=on.statistic,
        period=60,
        evaluation_periods=on.minutes,
        datapoints_to_alarm=on.minutes,
        threshold=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        treat_missing_data="missing",
        alarm_actions=[policy.arn],
    )


def _predefined(
    by: Metric,
) -> aws.AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecification:
    return aws.AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecification(
        predefined_metric_type=by.name
    )


def _customized(
    by: Metric, dimensions: Mapping[str, str]
) -> aws.AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecification:
    return aws.AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecification(
        namespace="AWS/SageMaker",
        metric_name=by.name,
        statistic="Average",
        dimensions=[
            aws.AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensions(
                name=name, value=value
            )
            for name, value in dimensions.items()
        ],
    )
