"""When batch jobs start, and who hears that they failed."""

from __future__ import annotations

import json

from llminfra.bindings import aws
from llminfra.constructs.basis.iam import Statement, denied_without_tls, policy_document, role, trusts_service
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.basis.sns_topic import Alarm, alarm
from llminfra.constructs.basis.sqs_queue import notice_queue
from llminfra.planning.plan.made_names import bounded

# Amazon EventBridge API Reference, PutRule: Name.
_RULE_NAME_LIMIT = 64
_RETENTION_S = 14 * 86_400
# A start that was missed for an hour is not made up for: the next one comes.
_LATEST_START_S = 3600


def batch_schedule(
    make: Maker, id_: str, *, expression: str, queue: aws.BatchJobQueue, job: aws.BatchJobDefinition, jobs: int
) -> None:
    """Submit a job by the clock (UTC), as an array job where there are several."""
    scope = make.scope
    rule = make(
        aws.CloudwatchEventRule,
        id_,
        name=bounded(scope.name(id_), _RULE_NAME_LIMIT),
        description=f"Submits {scope.name(id_)}",
        schedule_expression=expression,
    )
    submitter = role(
        make,
        f"{id_}-schedule",
        trust=trusts_service("events.amazonaws.com", ("StringEquals", "aws:SourceAccount", [scope.account_id])),
        description=f"{scope.platform}: submits batch job {id_}",
        inline={
            "submit": [
                Statement(
                    sid="SubmitJob",
                    actions=["batch:SubmitJob"],
                    # A submission names a revision, which is the number behind the last colon.
                    resources=[queue.arn, scope.arn("batch", f"job-definition/{scope.name(id_)}:*")],
                )
            ]
        },
    )
    make(
        aws.CloudwatchEventTarget,
        id_,
        rule=rule.name,
        target_id="batch",
        arn=queue.arn,
        role_arn=submitter.arn,
        batch_target=aws.CloudwatchEventTargetBatchTarget(
            job_definition=job.arn, job_name=scope.name(id_), array_size=jobs if jobs > 1 else None
        ),
        retry_policy=aws.CloudwatchEventTargetRetryPolicy(
            maximum_event_age_in_seconds=_LATEST_START_S, maximum_retry_attempts=20
        ),
        depends_on=list(submitter.ready),
    )


def batch_failures(make: Maker, id_: str, *, queue: aws.BatchJobQueue, alarm_topic_arn: str, key: Key | None) -> str:
    """Keep every job that failed for good in an SQS queue, and ring while there is one; returns the queue's ARN.

    EventBridge writes to the queue, which holds notices of AWS and no data of ours.
    """
    scope = make.scope
    rule = make(
        aws.CloudwatchEventRule,
        f"{id_}-failed",
        name=bounded(scope.name(f"{id_}-failed"), _RULE_NAME_LIMIT),
        description=f"Jobs of {scope.name(id_)} that failed",
        event_pattern=json.dumps(
            {
                "source": ["aws.batch"],
                "detail-type": ["Batch Job State Change"],
                "detail": {"status": ["FAILED"], "jobQueue": [queue.arn]},
            }
        ),
    )
    failures = notice_queue(make, f"{id_}-failed", retention_s=_RETENTION_S, key=key)
    document = policy_document(
        make,
        f"{id_}-failed",
        [
            Statement(
                sid="EventBridgeSends",
                actions=["sqs:SendMessage"],
                resources=[failures.arn],
                principals={"Service": ["events.amazonaws.com"]},
                conditions=[("ArnEquals", "aws:SourceArn", [rule.arn])],
            ),
            denied_without_tls("sqs:*", resource=failures.arn),
        ],
    )
    make(aws.SqsQueuePolicy, f"{id_}-failed", queue_url=failures.url, policy=document)
    make(aws.CloudwatchEventTarget, f"{id_}-failed", rule=rule.name, target_id="failures", arn=failures.arn)
    alarm(
        make,
        alarm_topic_arn,
        Alarm(
            id=f"{id_}-failed",
            why=f"Jobs of {scope.name(id_)} failed for good; the queue {scope.name(f'{id_}-failed')} names them",
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": failures.name},
            statistic="Maximum",
            above=0,
        ),
    )
    return failures.arn
