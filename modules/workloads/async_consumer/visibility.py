"""When SQS gives a message again."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .log import log


def set_visibility(sqs: Any, queue_url: str, receipt_handle: str, seconds: int) -> None:
    """Ask for the message after so many seconds. Failing to is no harm: it then comes when its time is over."""
    try:
        sqs.change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=min(seconds, 43_200)
        )
    except (ClientError, BotoCoreError) as error:
        log("WARNING", "visibility_not_changed", error=type(error).__name__)
