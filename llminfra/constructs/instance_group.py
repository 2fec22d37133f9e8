"""An Auto Scaling group of whole instances: rolled on change, drained on the way out, scaled on a metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llminfra.bindings import aws, core
from llminfra.constructs.scope import Maker

_HOOK_MARGIN_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceGroup:
    """What the group is.

    Attributes:
        name: Its name, known before it exists.
        fewest: Fewest instances.
        most: Most instances.
        subnet_ids: Where they start.
        target_group_arn: Where they register.
        grace_s: Seconds until a health check counts.
        drain_s: Seconds that a leaving instance may take.
        drain_hook: Name of the lifecycle hook that waits for it.
        surge: Whether a new instance may start before an old one leaves.
        tags: Tags of the instances.
    """

    name: str
    fewest: int
    most: int
    subnet_ids: Sequence[str]
    target_group_arn: str
    grace_s: int
    drain_s: int
    drain_hook: str
    surge: bool
    tags: Mapping[str, str]


def instance_group(
    make: Maker, id_: str, group: InstanceGroup, template: aws.LaunchTemplate, after: Sequence[core.TerraformElement]
) -> aws.AutoscalingGroup:
    """Create the group; an apply waits until the fewest instances are healthy behind the balancer."""
    return make(
        aws.AutoscalingGroup,
        id_,
        name=group.name,
        min_size=group.fewest,
        max_size=group.most,
        vpc_zone_identifier=list(group.subnet_ids),
        target_group_arns=[group.target_group_arn],
        health_check_type="ELB",
        health_check_grace_period=group.grace_s,
        default_instance_warmup=group.grace_s,
        launch_template=aws.AutoscalingGroupLaunchTemplate(
            id=template.id, version=core.Token.as_string(template.latest_version)
        ),
        initial_lifecycle_hook=[
            aws.AutoscalingGroupInitialLifecycleHook(
                name=group.drain_hook,
                lifecycle_transition="autoscaling:EC2_INSTANCE_TERMINATING",
                default_result="CONTINUE",
                heartbeat_timeout=group.drain_s + _HOOK_MARGIN_S,
            )
        ],
        instance_refresh=aws.AutoscalingGroupInstanceRefresh(
            strategy="Rolling",
            preferences=aws.AutoscalingGroupInstanceRefreshPreferences(
                # Without room for one more, one leaves before one comes.
                min_healthy_percentage=100 if group.surge else 0,
                max_healthy_percentage=200 if group.surge else 100,
                instance_warmup=str(group.grace_s),
                skip_matching=True,
            ),
        ),
        wait_for_elb_capacity=group.fewest,
        wait_for_capacity_timeout=f"{group.grace_s}s",
        metrics_granularity="1Minute",
        enabled_metrics=["GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances"],
        tag=[
            aws.AutoscalingGroupTag(key=key, value=value, propagate_at_launch=True)
            for key, value in {"Name": group.name, **group.tags}.items()
        ],
        depends_on=list(after),
        lifecycle=core.TerraformResourceLifecycle(ignore_changes=["desired_capacity"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalesOn:
    """A CloudWatch metric whose average per instance is held at a target."""

    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    target: float


def scale_on_metric(make: Maker, id_: str, *, group_name: str, on: ScalesOn, warmup_s: int) -> None:
    """Target tracking on the average over the group's instances."""
    make(
        aws.AutoscalingPolicy,
        id_,
        name=id_,
        autoscaling_group_name=group_name,
        policy_type="TargetTrackingScaling",
        estimated_instance_warmup=warmup_s,
        target_tracking_configuration=aws.AutoscalingPolicyTargetTrackingConfiguration(
            target_value=on.target,
            customized_metric_specification=aws.AutoscalingPolicyTargetTrackingConfigurationCustomizedMetricSpecification(
                namespace=on.namespace,
                metric_name=on.metric,
                statistic="Average",
                metric_dimension=[
                    aws.AutoscalingPolicyTargetTrackingConfigurationCustomizedMetricSpecificationMetricDimension(
                        name=name, value=value
                    )
                    for name, value in on.dimensions.items()
                ],
            ),
        ),
    )
