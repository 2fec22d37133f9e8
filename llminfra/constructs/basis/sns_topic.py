"""An encrypted SNS topic, and alarms that speak to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from llminfra.bindings import aws
from llminfra.constructs.basis.iam import Statement, denied_without_tls, policy_document
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Maker


def sns_topic(make: Maker, id_: str, *, key: Key, publishers: Sequence[str] = ()) -> str:
    """Create a topic to which AWS services of this account may publish; returns its ARN.

    Roles publish by their own policies; subscriptions are up to people and pipelines.
    """
    scope = make.scope
    topic = make(aws.SnsTopic, id_, name=scope.name(id_), kms_master_key_id=key.arn, depends_on=list(key.ready))
    statements = [denied_without_tls("sns:Publish", resource=topic.arn)]
    if publishers:
        statements.append(
            Statement(
                sid="ServicesPublish",
                actions=["sns:Publish"],
                resources=[topic.arn],
                principals={"Service": list(publishers)},
                conditions=[("StringEquals", "aws:SourceAccount", [scope.account_id])],
            )
        )
    document = policy_document(make, f"{id_}-topic", statements)
    make(aws.SnsTopicPolicy, id_, arn=topic.arn, policy=document)
    return topic.arn


class Alarm(Struct, frozen=True, kw_only=True):
    """A threshold on one CloudWatch metric.

    Attributes:
        id: Name without the platform.
        why: What it means, for whoever is woken.
        namespace: Namespace such as ``AWS/SQS``.
        metric: Name of the metric.
        dimensions: Its dimensions.
        statistic: How values of a period are joined.
        above: The alarm rings above this value.
        period_s: Length of a period.
        periods: Periods in a row.
    """

    id: str
    why: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: Literal["Maximum", "Sum"]
    above: float
    period_s: int = 300
    periods: int = 1


def alarm(make: Maker, topic_arn: str, item: Alarm) -> None:
    """Create an alarm that tells the topic when it rings and when it is over; no data is no trouble."""
    make(
        aws.CloudwatchMetricAlarm,
        item.id,
        alarm_name=make.scope.name(item.id),
        alarm_description=item.why,
        namespace=item.namespace,
        metric_name=item.metric,
        dimensions=dict(item.dimensions),
        statistic=item.statistic,
        comparison_operator="GreaterThanThreshold",
        threshold=item.above,
        period=item.period_s,
        evaluation_periods=item.periods,
        treat_missing_data="notBreaching",
        alarm_actions=[topic_arn],
        ok_actions=[topic_arn],
    )
