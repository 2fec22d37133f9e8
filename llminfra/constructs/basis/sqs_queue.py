"""An SQS queue with a dead-letter queue: both encrypted, both closed to plain HTTP."""

from __future__ import annotations

import json

from msgspec import Struct

from llminfra.bindings import aws
from llminfra.constructs.basis.iam import denied_without_tls, policy_document
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Maker

_DAY_S = 86_400
_LONGEST_RETENTION_S = 14 * _DAY_S
# A data key is used again for so long: five minutes are SQS's default and cost one call of KMS in that time.
_KEY_REUSE_S = 300


class Queue(Struct, frozen=True):
    """A queue and its dead-letter queue."""

    name: str
    arn: str
    url: str
    dead_letter_name: str
    dead_letter_arn: str


def sqs_queue(make: Maker, id_: str, *, key: Key, visibility_s: int, attempts: int, retention_days: int) -> Queue:
    """Create both queues; a message goes to the second after ``attempts`` deliveries, and stays there for 14 days."""
    name = make.scope.name(id_)
    dead = _queue(make, f"{id_}-dead", key, visibility_s=visibility_s, retention_s=_LONGEST_RETENTION_S)
    queue = _queue(
        make,
        id_,
        key,
        visibility_s=visibility_s,
        retention_s=retention_days * _DAY_S,
        redrive_policy=json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": attempts}),
    )
    make(
        aws.SqsQueueRedriveAllowPolicy,
        f"{id_}-dead",
        queue_url=dead.url,
        redrive_allow_policy=json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [queue.arn]}),
    )
    return Queue(name=name, arn=queue.arn, url=queue.url, dead_letter_name=dead.name, dead_letter_arn=dead.arn)


def _queue(
    make: Maker, id_: str, key: Key, *, visibility_s: int, retention_s: int, redrive_policy: str | None = None
) -> aws.SqsQueue:
    queue = make(
        aws.SqsQueue,
        id_,
        name=make.scope.name(id_),
        visibility_timeout_seconds=visibility_s,
        message_retention_seconds=retention_s,
        receive_wait_time_seconds=20,
        kms_master_key_id=key.arn,
        kms_data_key_reuse_period_seconds=_KEY_REUSE_S,
        redrive_policy=redrive_policy,
        depends_on=list(key.ready),
    )
    document = policy_document(
        make,
        f"{id_}-queue",
        [denied_without_tls("sqs:*", resource=queue.arn)],
    )
    make(aws.SqsQueuePolicy, id_, queue_url=queue.url, policy=document)
    return queue


def notice_queue(make: Maker, id_: str, *, retention_s: int, key: Key | None) -> aws.SqsQueue:
    """A queue for notices of EventBridge, which hold no data of ours; without a key SQS uses one of its own."""
    return make(
        aws.SqsQueue,
        id_,
        name=make.scope.name(id_),
        message_retention_seconds=retention_s,
        sqs_managed_sse_enabled=None if key else True,
        kms_master_key_id=key.arn if key else None,
        kms_data_key_reuse_period_seconds=_KEY_REUSE_S if key else None,
        depends_on=list(key.ready) if key else None,
    )
