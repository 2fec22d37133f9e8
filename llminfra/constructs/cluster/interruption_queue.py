"""The queue by which Karpenter hears that instances will go away."""

from __future__ import annotations

import json

from msgspec import Struct

from llminfra.bindings import aws
from llminfra.constructs.basis.iam import Statement, denied_without_tls, policy_document
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.basis.sqs_queue import notice_queue

# Event patterns that Karpenter's controller understands (aws/karpenter-provider-aws@1d927085d, v1.14.1:
# website/content/en/docs/getting-started/getting-started-with-karpenter/cloudformation.yaml).
_EVENTS = {
    "health": ("aws.health", "AWS Health Event"),
    "spot-interruption": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "state-change": ("aws.ec2", "EC2 Instance State-change Notification"),
    "reservation-interruption": ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
}
_RETENTION_S = 300  # a warning older than five minutes is of no use


class InterruptionQueue(Struct, frozen=True):
    """Name and ARN of the queue."""

    name: str
    arn: str


def interruption_queue(make: Maker, key: Key | None) -> InterruptionQueue:
    """Create the queue, its policy (EventBridge writes, TLS only) and the rules that feed it."""
    scope = make.scope
    queue = notice_queue(make, "interruption", retention_s=_RETENTION_S, key=key)
    arn = queue.arn
    document = policy_document(
        make,
        "interruption-queue",
        [
            Statement(
                sid="EventBridgeSends",
                actions=["sqs:SendMessage"],
                resources=[arn],
                principals={"Service": ["events.amazonaws.com"]},
                conditions=[("ArnLike", "aws:SourceArn", [scope.arn("events", f"rule/{scope.platform}-*")])],
            ),
            denied_without_tls("sqs:*", resource=arn),
        ],
    )
    make(aws.SqsQueuePolicy, "interruption", queue_url=queue.url, policy=document)
    for id_, (source, detail_type) in _EVENTS.items():
        rule = make(
            aws.CloudwatchEventRule,
            id_,
            name=scope.name(id_),
            description=f"{detail_type} to Karpenter",
            event_pattern=json.dumps({"source": [source], "detail-type": [detail_type]}),
        )
        make(aws.CloudwatchEventTarget, id_, rule=rule.name, target_id="karpenter", arn=arn)
    return InterruptionQueue(name=queue.name, arn=arn)
