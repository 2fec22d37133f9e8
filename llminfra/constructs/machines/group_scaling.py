"""How an Auto Scaling group of engines grows and shrinks: on the engines' load, to zero and back, in place of spot.

Sources: Amazon EC2 Auto Scaling User Guide, "Target tracking scaling policies", "Step and simple scaling policies",
"CloudWatch metrics"; CloudWatch User Guide, "Using metric math"; Elastic Load Balancing, "CloudWatch metrics for your
Application Load Balancer" (503 is what callers get while no target is registered, and a request without a target is not
in ``RequestCount``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from llminfra.bindings import aws
from llminfra.constructs.basis.scope import Maker

_PERIOD_S = 60
# CloudWatch API Reference, PutMetricAlarm: evaluation periods times period.
_LONGEST_LOOK_S = 86_400
# Minutes that spot has to deliver an instance before one is bought on demand.
_SHORT_MIN = 5


class Measured(Struct, frozen=True, kw_only=True):
    """A CloudWatch metric."""

    namespace: str
    metric: str
    dimensions: Mapping[str, str]


class Balanced(Struct, frozen=True, kw_only=True):
    """The balancer and its targets, in the words of their metrics (the end of their ARNs)."""

    load_balancer: str
    target_group: str


class Target(Struct, frozen=True, kw_only=True):
    """A metric of engines, and its average over them at which another instance is added."""

    on: Measured
    at: float


def scale_on_load(
    make: Maker,
    id_: str,
    *,
    group_name: str,
    waiting: Target,
    busy: Mapping[str, Target],
    warmup_s: int,
    fewest: int,
    idle_s: int,
) -> None:
    """Adds instances while more wait or run at each than a target, and gives one up that the others can do without.

    That is one after a time with an empty queue, in which the others could have taken its load and stayed below the
    targets. Target tracking only adds: it would remove after fifteen minutes of its own, whatever was declared, and
    knows no last instance, which an empty queue would end under its requests.

    Args:
        make: Makes the resources.
        id_: Their id.
        group_name: The Auto Scaling group.
        waiting: What waits at an engine.
        busy: What runs there and how full its cache is, by the name of the figure.
        warmup_s: Seconds from launch until an instance counts.
        fewest: Instances that stay.
        idle_s: Seconds that an instance must have been spare.
    """
    for suffix, target in {"": waiting, **{f"-{name}": each for name, each in busy.items()}}.items():
        _more_on_metric(make, f"{id_}{suffix}", group_name=group_name, target=target, warmup_s=warmup_s)
    fewer = make(
        aws.AutoscalingPolicy,
        f"{id_}-fewer",
        name=f"{id_}-fewer",
        autoscaling_group_name=group_name,
        policy_type="SimpleScaling",
        adjustment_type="ChangeInCapacity",
        scaling_adjustment=-1,
        cooldown=idle_s,
    )
    _alarm(
        make,
        f"{id_}-fewer",
        name=f"{group_name}-fewer",
        why=f"{id_} has an empty queue and an instance more than its load needs",
        queries=[
            _query("waiting", waiting.on, "Maximum"),
            _query("instances", _group_metric(group_name, "GroupInServiceInstances"), "Minimum"),
            *(_query(name, target.on, "Average") for name, target in busy.items()),
            _expression("spare", f"IF({_spare(fewest, busy)}, 1, 0)", "spare instances"),
        ],
        minutes=_minutes(idle_s),
        threshold=1,
        actions=[fewer.arn],
    )


def _spare(fewest: int, busy: Mapping[str, Target]) -> str:
    """Whether one instance less would do, as metric math."""
    fits = [f"{name} * instances < {target.at:g} * (instances - 1)" for name, target in busy.items()]
    return " AND ".join([f"instances > {fewest}", "waiting < 1", *fits])


def _more_on_metric(make: Maker, id_: str, *, group_name: str, target: Target, warmup_s: int) -> None:
    """Target tracking on the average over the group's instances."""
    on = target.on
    make(
        aws.AutoscalingPolicy,
        id_,
        name=id_,
        autoscaling_group_name=group_name,
        policy_type="TargetTrackingScaling",
        estimated_instance_warmup=warmup_s,
        target_tracking_configuration=aws.AutoscalingPolicyTargetTrackingConfiguration(
            target_value=target.at,
            disable_scale_in=True,
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


def scale_to_zero(
    make: Maker,
    id_: str,
    *,
    group_name: str,
    behind: Balanced,
    running: Measured | None,
    idle_s: int,
) -> None:
    """The first call starts an instance and fails; the last instance goes after a time without calls."""
    balancer = {"LoadBalancer": behind.load_balancer}
    refused = Measured(namespace="AWS/ApplicationELB", metric="HTTPCode_ELB_503_Count", dimensions=balancer)
    requests = Measured(
        namespace="AWS/ApplicationELB",
        metric="RequestCount",
        dimensions={**balancer, "TargetGroup": behind.target_group},
    )
    wake = _exact(make, f"{id_}-wake", group_name, ((0, 1),))
    _alarm(
        make,
        f"{id_}-wake",
        name=f"{group_name}-wake",
        why=f"{id_} was called and has no instance",
        queries=[_query("refused", refused, "Sum", returned=True)],
        minutes=1,
        threshold=1,
        actions=[wake],
    )
    idle = _exact(make, f"{id_}-idle", group_name, ((None, 0),))
    busy = [_query("requests", requests, "Sum"), _query("refused", refused, "Sum")]
    if running is not None:
        busy.append(_query("running", running, "Maximum"))
    _alarm(
        make,
        f"{id_}-idle",
        name=f"{group_name}-idle",
        why=f"nobody has called {id_}: its last instance goes",
        # A metric that has never had a value would make a sum by "+" empty, and an empty one counts as idle.
        queries=[*busy, _expression("calls", "SUM(METRICS())", "calls")],
        minutes=_minutes(idle_s),
        threshold=1,
        below=True,
        missing="breaching",
        actions=[idle],
    )


def stand_in_for_spot(make: Maker, id_: str, *, spot: str, standby: str, most: int, start_s: int) -> None:
    """As many instances on demand as spot has failed to deliver; they go when spot has been complete for a start."""
    queries = [
        _query("wanted", _group_metric(spot, "GroupDesiredCapacity"), "Maximum"),
        _query("there", _group_metric(spot, "GroupInServiceInstances"), "Minimum"),
        _expression("short", "wanted - there", "instances that spot has not delivered"),
    ]
    steps = tuple((count - 1, count) for count in range(1, most + 1))
    more = _exact(make, f"{id_}-short", standby, steps)
    _alarm(
        make,
        f"{id_}-short",
        name=f"{standby}-short",
        why=f"{id_}: spot has no capacity",
        queries=queries,
        minutes=_SHORT_MIN,
        threshold=1,
        actions=[more],
    )
    none = _exact(make, f"{id_}-complete", standby, ((None, 0),))
    _alarm(
        make,
        f"{id_}-complete",
        name=f"{standby}-complete",
        why=f"{id_}: spot has delivered",
        queries=queries,
        minutes=_minutes(start_s),
        threshold=1,
        below=True,
        actions=[none],
    )


def _minutes(seconds: int) -> int:
    """Periods of an alarm, which looks back at most a day."""
    return -(-min(seconds, _LONGEST_LOOK_S) // _PERIOD_S)


def _exact(make: Maker, id_: str, group_name: str, steps: Sequence[tuple[int | None, int]]) -> str:
    """A policy that sets the capacity by how far the metric is above the alarm's threshold (``None``: below it)."""
    adjustments = [
        aws.AutoscalingPolicyStepAdjustment(
            scaling_adjustment=capacity,
            metric_interval_lower_bound=None if lower is None else str(lower),
            metric_interval_upper_bound="0"
            if lower is None
            else str(steps[index + 1][0])
            if steps[index + 1 :]
            else None,
        )
        for index, (lower, capacity) in enumerate(steps)
    ]
    policy = make(
        aws.AutoscalingPolicy,
        id_,
        name=id_,
        autoscaling_group_name=group_name,
        policy_type="StepScaling",
        adjustment_type="ExactCapacity",
        metric_aggregation_type="Maximum",
        step_adjustment=adjustments,
    )
    return policy.arn


def _group_metric(group_name: str, metric: str) -> Measured:
    return Measured(namespace="AWS/AutoScaling", metric=metric, dimensions={"AutoScalingGroupName": group_name})


def _query(
    id_: str, measured: Measured, statistic: str, *, returned: bool = False
) -> aws.CloudwatchMetricAlarmMetricQuery:
    return aws.CloudwatchMetricAlarmMetricQuery(
        id=id_,
        return_data=returned,
        metric=aws.CloudwatchMetricAlarmMetricQueryMetric(
            namespace=measured.namespace,
            metric_name=measured.metric,
            dimensions=dict(measured.dimensions),
            period=_PERIOD_S,
            stat=statistic,
        ),
    )


def _expression(id_: str, text: str, label: str) -> aws.CloudwatchMetricAlarmMetricQuery:
    return aws.CloudwatchMetricAlarmMetricQuery(id=id_, expression=text, label=label, return_data=True)


def _alarm(
    make: Maker,
    id_: str,
    *,
    name: str,
    why: str,
    queries: Sequence[aws.CloudwatchMetricAlarmMetricQuery],
    minutes: int,
    threshold: float,
    actions: Sequence[str],
    below: bool = False,
    missing: str = "notBreaching",
) -> None:
    make(
        aws.CloudwatchMetricAlarm,
        id_,
        alarm_name=name,
        alarm_description=why,
        metric_query=list(queries),
        evaluation_periods=minutes,
        datapoints_to_alarm=minutes,
        threshold=threshold,
        comparison_operator="LessThanThreshold" if below else "GreaterThanOrEqualToThreshold",
        treat_missing_data=missing,
        alarm_actions=list(actions),
    )
