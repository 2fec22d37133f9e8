"""An Auto Scaling group of whole instances: rolled on change, drained on the way out, on demand or spot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.scope import Maker

_HOOK_MARGIN_S = 60
# What the provider waits for a group to be gone, beside the connections that the balancer drains (its default, which
# does not know them: Terraform AWS provider, aws_autoscaling_group, timeouts).
_GONE_S = 600


class InstanceGroup(Struct, frozen=True, kw_only=True):
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
        spot: Whether instances are spot.
        health: Whether the load balancer judges an instance, or EC2 alone: in a replica over several only one answers.
        wait_for: Instances that answer before the first apply is done.
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
    spot: bool = False
    health: Literal["ELB", "EC2"] = "ELB"
    wait_for: int
    tags: Mapping[str, str]


def _kept_percent(group: InstanceGroup) -> int:
    """Share of the instances that a refresh leaves in service.

    Without room for one more, one leaves before one comes: of so many as there are at rest all but one stay, while 0
    would replace all of them at the same time (Amazon EC2 Auto Scaling API Reference, ``RefreshPreferences``; EC2
    rounds up to whole instances). Of a replica over several instances one alone serves nobody, so they go together.
    """
    if group.surge:
        return 100
    return 0 if group.health == "EC2" else 100 * max(0, group.fewest - 1) // max(1, group.fewest)


def instance_group(
    make: Maker, id_: str, group: InstanceGroup, template: aws.LaunchTemplate, after: Sequence[core.TerraformElement]
) -> aws.AutoscalingGroup:
    """Create the group; the first apply waits until enough instances are healthy behind the balancer.

    Later ones do not: the provider would wait for exactly as many as were asked for at first, while scaling decides how
    many there are (hashicorp/terraform-provider-aws internal/service/autoscaling/group.go, resourceGroupUpdate). The
    hook is a resource of its own, because another time-out in ``initial_lifecycle_hook`` replaces the group with all
    of its instances (the same file, ForceNew).
    """
    version = core.Token.as_string(template.latest_version)
    made = make(
        aws.AutoscalingGroup,
        id_,
        name=group.name,
        min_size=group.fewest,
        max_size=group.most,
        vpc_zone_identifier=list(group.subnet_ids),
        target_group_arns=[group.target_group_arn],
        health_check_type=group.health,
        health_check_grace_period=group.grace_s,
        default_instance_warmup=group.grace_s,
        launch_template=None if group.spot else aws.AutoscalingGroupLaunchTemplate(id=template.id, version=version),
        mixed_instances_policy=_spot(template.id, version) if group.spot else None,
        capacity_rebalance=True if group.spot else None,
        instance_refresh=aws.AutoscalingGroupInstanceRefresh(
            strategy="Rolling",
            preferences=aws.AutoscalingGroupInstanceRefreshPreferences(
                min_healthy_percentage=_kept_percent(group),
                max_healthy_percentage=200 if group.surge else 100,
                instance_warmup=str(group.grace_s),
                skip_matching=True,
            ),
        ),
        min_elb_capacity=group.wait_for,
        wait_for_capacity_timeout=f"{group.grace_s}s",
        metrics_granularity="1Minute",
        enabled_metrics=["GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances"],
        tag=[
            aws.AutoscalingGroupTag(key=key, value=value, propagate_at_launch=True)
            for key, value in {"Name": group.name, **group.tags}.items()
        ],
        depends_on=list(after),
        timeouts=aws.AutoscalingGroupTimeouts(delete=f"{group.drain_s + _GONE_S}s"),
        lifecycle=core.TerraformResourceLifecycle(ignore_changes=["desired_capacity"]),
    )
    make(
        aws.AutoscalingLifecycleHook,
        id_,
        name=group.drain_hook,
        autoscaling_group_name=made.name,
        lifecycle_transition="autoscaling:EC2_INSTANCE_TERMINATING",
        default_result="CONTINUE",
        heartbeat_timeout=group.drain_s + _HOOK_MARGIN_S,
    )
    return made


def _spot(template_id: str, version: str) -> aws.AutoscalingGroupMixedInstancesPolicy:
    """Spot alone; with one instance type the allocation strategy chooses among zones."""
    return aws.AutoscalingGroupMixedInstancesPolicy(
        instances_distribution=aws.AutoscalingGroupMixedInstancesPolicyInstancesDistribution(
            on_demand_base_capacity=0,
            on_demand_percentage_above_base_capacity=0,
            spot_allocation_strategy="price-capacity-optimized",
        ),
        launch_template=aws.AutoscalingGroupMixedInstancesPolicyLaunchTemplate(
            launch_template_specification=aws.AutoscalingGroupMixedInstancesPolicyLaunchTemplateLaunchTemplateSpecification(
                launch_template_id=template_id, version=version
            )
        ),
    )
