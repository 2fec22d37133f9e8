"""The same consumer as a process in a cluster: it receives, and keeps messages hidden while it works on them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .clients import App
from .consumer import Outcome
from .log import log
from .visibility import set_visibility

PAUSE_S = 1.0
MAX_RECEIVE = 10  # limit of SQS


class Worker:
    """Runs until ``stop`` is set, or until the queue was empty for long enough."""

    def __init__(self, app: App, stop: threading.Event) -> None:
        self._app = app
        self._settings = app.settings
        self._stop = stop
        self._in_flight: dict[Future[Outcome], dict[str, Any]] = {}

    def run(self) -> int:
        """Work; the number of messages that were done with."""
        settings = self._settings
        done = 0
        idle_since, last_beat = time.monotonic(), float("-inf")
        was_healthy = True
        executor = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="message")
        beats = threading.Event()
        heart = threading.Thread(target=self._beat, args=(beats,), name="heartbeat", daemon=True)
        heart.start()
        try:
            while not self._stop.is_set():
                last_beat = self._show_life(last_beat)
                done += self._settle()
                free = settings.concurrency - len(self._in_flight)
                if free == 0:
                    self._stop.wait(0.05)
                    continue
                # An endpoint that is down would use up the receive counts of everything in the queue.
                healthy = self._app.backend.is_healthy()
                if healthy != was_healthy:
                    log("INFO" if healthy else "WARNING", "endpoint", healthy=healthy)
                    was_healthy = healthy
                if not healthy:
                    self._stop.wait(PAUSE_S)
                    continue
                wait_s = min(1, settings.wait_s) if self._in_flight else settings.wait_s
                messages = self._receive(min(free, MAX_RECEIVE), wait_s)
                for message in messages:
                    self._in_flight[executor.submit(self._handle, message)] = message
                if messages or self._in_flight:
                    idle_since = time.monotonic()
                elif settings.idle_exit_s and time.monotonic() - idle_since >= settings.idle_exit_s:
                    log("INFO", "idle", seconds=settings.idle_exit_s)
                    break
            return done + self._drain(executor)
        finally:
            beats.set()
            heart.join()
            executor.shutdown(wait=False, cancel_futures=True)

    def _receive(self, count: int, wait_s: int) -> list[dict[str, Any]]:
        try:
            reply = self._app.sqs.receive_message(
                QueueUrl=self._settings.queue_url,
                MaxNumberOfMessages=count,
                WaitTimeSeconds=wait_s,
                VisibilityTimeout=self._settings.visibility_s,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        except (ClientError, BotoCoreError) as error:
            log("ERROR", "receive_failed", error=type(error).__name__)
            self._stop.wait(PAUSE_S)
            return []
        messages: list[dict[str, Any]] = reply.get("Messages", [])
        return messages

    def _handle(self, message: dict[str, Any]) -> Outcome:
        count = int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1"))
        # Tries, the pauses between them, and what S3 and SNS take.
        time_s = self._settings.request_timeout_s * self._settings.call_attempts + self._settings.margin_s
        deadline = time.monotonic() + time_s
        return self._app.consumer.handle(message["MessageId"], message["Body"], count, deadline)

    def _settle(self) -> int:
        """Delete what is done, hide what is to come again; how many were deleted."""
        deleted = 0
        for future in [future for future in self._in_flight if future.done()]:
            message, outcome = self._in_flight.pop(future), future.result()
            handle = message["ReceiptHandle"]
            if not outcome.delete:
                set_visibility(self._app.sqs, self._settings.queue_url, handle, outcome.again_after_s)
                continue
            try:
                self._app.sqs.delete_message(QueueUrl=self._settings.queue_url, ReceiptHandle=handle)
                deleted += 1
            except (ClientError, BotoCoreError) as error:
                # It comes again, and the ledger knows that it is done.
                log("WARNING", "delete_failed", message_id=message["MessageId"], error=type(error).__name__)
        return deleted

    def _beat(self, end: threading.Event) -> None:
        """Keep messages hidden while they are worked on."""
        while not end.wait(self._settings.visibility_s / 3):
            for future, message in list(self._in_flight.items()):
                if not future.done():
                    handle = message["ReceiptHandle"]
                    set_visibility(self._app.sqs, self._settings.queue_url, handle, self._settings.visibility_s)

    def _drain(self, executor: ThreadPoolExecutor) -> int:
        """Finish what is in flight within the time; give back the rest."""
        deadline = time.monotonic() + self._settings.drain_timeout_s
        done = self._settle()
        while self._in_flight and time.monotonic() < deadline:
            time.sleep(0.05)
            done += self._settle()
        executor.shutdown(wait=False, cancel_futures=True)
        left, self._in_flight = self._in_flight, {}
        for message in left.values():
            set_visibility(self._app.sqs, self._settings.queue_url, message["ReceiptHandle"], 0)
        log("INFO", "drained", given_back=len(left))
        return done

    def _show_life(self, last: float) -> float:
        """Touch the file that a liveness probe looks at, once a second."""
        now = time.monotonic()
        if not self._settings.alive_file or now - last < 1.0:
            return last
        Path(self._settings.alive_file).touch()
        return now
