"""AWS Lambda behind an SQS event source with ``ReportBatchItemFailures``: handler ``async_consumer.handler.handle``."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Any

from .clients import App
from .consumer import Outcome
from .log import log
from .settings import read_settings
from .visibility import set_visibility


@cache
def _app() -> App:
    """Made at the first event, kept for the life of the execution environment."""
    return App(read_settings(os.environ))


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer the records; the ids of those that are to come again.

    Raises:
        SettingsError: the environment is wrong: the whole batch comes again.
    """
    app = _app()
    return consume(app, event["Records"], context.get_remaining_time_in_millis() / 1000)


def consume(app: App, records: list[dict[str, Any]], remaining_s: float) -> dict[str, Any]:
    """All records at once, as far as ``concurrency`` goes; ends before the time is over."""
    settings = app.settings
    deadline = time.monotonic() + remaining_s - settings.margin_s
    executor = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="message")
    futures: dict[str, Future[Outcome]] = {}
    for record in records:
        count = int(record.get("attributes", {}).get("ApproximateReceiveCount", "1"))
        message_id = record["messageId"]
        futures[message_id] = executor.submit(app.consumer.handle, message_id, record["body"], count, deadline)
    # Every call ends by the deadline; half of the margin is for writing results, the other half for our own answer.
    wait(futures.values(), timeout=max(0.0, deadline + settings.margin_s / 2 - time.monotonic()))
    executor.shutdown(wait=False, cancel_futures=True)
    failures = []
    for record in records:
        future = futures[record["messageId"]]
        outcome = future.result() if future.done() and not future.cancelled() else Outcome(False, "no_time_left")
        if outcome.delete:
            continue
        failures.append({"itemIdentifier": record["messageId"]})
        # A thread that is still at it has its claim: the message should not come before that ends.
        if settings.queue_url and future.done():
            set_visibility(app.sqs, settings.queue_url, record["receiptHandle"], outcome.again_after_s)
    log("INFO", "batch", records=len(records), failures=len(failures))
    return {"batchItemFailures": failures}
