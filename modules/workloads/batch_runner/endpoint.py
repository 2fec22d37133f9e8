"""The server: whether it is well, and one request with its retries."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .http_client import ExchangeBrokenError, ExchangeTimeoutError, HttpClient, Reply
from .lines import Request, answered, unanswered
from .settings import Settings
from .stop import Stop

# 409 is not among them: to an inference server a conflict is about the request.
RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
HEALTH_TIMEOUT_S = 5.0
HEALTH_PERIOD_S = 0.5
# A line that is there at so many outages may be their cause.
OUTAGES_PER_LINE = 5


class Health(Enum):
    """What was seen while waiting for a good health check."""

    WELL = "well"
    RECOVERED = "recovered"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The request was given up without a verdict; ``lost_server``: the server went away while it had it."""

    lost_server: bool


class Endpoint:
    """Sends requests; waits out an outage, and asks for the end when it lasts too long."""

    def __init__(
        self, client: HttpClient, settings: Settings, stop: Stop, server_died: Callable[[], bool] = lambda: False
    ) -> None:
        self._client = client
        self._settings = settings
        self._stop = stop
        self._server_died = server_died
        self._outage_lock = threading.Lock()
        self._outage_since: float | None = None
        self._count_lock = threading.Lock()
        self.retries = 0

    def is_healthy(self) -> bool:
        """Whether the health check answers with a 2xx now."""
        try:
            reply = self._client.request("GET", self._settings.health_path, None, HEALTH_TIMEOUT_S)
        except (ExchangeTimeoutError, ExchangeBrokenError):
            return False
        return 200 <= reply.status < 300

    def wait_for_start(self) -> bool:
        """Wait for the first good health check; False when the budget is used up or the server ended.

        Returns early, with False, when the end is asked for.
        """
        deadline = time.monotonic() + self._settings.start_timeout_s
        try:
            while not self._stop.requested and not self._server_died():
                if self.is_healthy():
                    return True
                if time.monotonic() >= deadline:
                    return False
                self._stop.wait(HEALTH_PERIOD_S)
            return False
        finally:
            self.release()

    def wait_until_healthy(self) -> Health:
        """Wait out an outage. Threads share one outage and one budget."""
        health = Health.WELL
        while True:
            if self._stop.requested or self._server_died():
                return Health.GONE
            if self.is_healthy():
                with self._outage_lock:
                    self._outage_since = None
                return health
            health = Health.RECOVERED
            with self._outage_lock:
                now = time.monotonic()
                self._outage_since = self._outage_since or now
                outage_s = now - self._outage_since
            if outage_s > self._settings.outage_timeout_s:
                self._stop.request("endpoint_down", 0)
                return Health.GONE
            self._stop.wait(HEALTH_PERIOD_S)

    def release(self) -> None:
        """Close what is kept open for this thread."""
        self._client.release()

    def send(self, file_id: str, line: int, request: Request) -> dict[str, Any] | Unfinished:
        """One line's output record, or ``Unfinished`` when it belongs to the next attempt of the job.

        Only failures with a healthy server count against the line: an outage is nobody's line.
        """
        settings = self._settings
        headers = {"X-Request-Id": f"{file_id}-{line}"}
        attempt = outages = 0
        while True:
            retry_after: str | None = None
            health = Health.WELL
            try:
                reply = self._client.request("POST", request.url, request.body, settings.request_timeout_s, headers)
            except ExchangeTimeoutError:
                message = f"no answer within {settings.request_timeout_s:g} s"
                record = unanswered(file_id, line, request.custom_id, "request_timeout", message)
                if (health := self.wait_until_healthy()) is Health.GONE:
                    return Unfinished(lost_server=False)
            except ExchangeBrokenError as error:
                record = unanswered(file_id, line, request.custom_id, "connection_error", str(error))
                if (health := self.wait_until_healthy()) is Health.GONE:
                    return Unfinished(lost_server=error.sent)
            else:
                record, final = _judge(file_id, line, request.custom_id, reply)
                if final:
                    return record
                retry_after = reply.headers.get("retry-after")
                if reply.status >= 500 and (health := self.wait_until_healthy()) is Health.GONE:
                    return Unfinished(lost_server=True)
            if health is Health.RECOVERED and outages < OUTAGES_PER_LINE:
                outages += 1
                continue
            attempt += 1
            if attempt >= settings.request_attempts:
                return record
            with self._count_lock:
                self.retries += 1
            if self._stop.wait(self._pause_s(attempt, retry_after)):
                return Unfinished(lost_server=False)

    def _pause_s(self, attempt: int, retry_after: str | None) -> float:
        limit = self._settings.backoff_max_s
        if retry_after is not None and retry_after.isdecimal():
            return min(float(retry_after), limit)
        most = min(self._settings.backoff_s * 2 ** (attempt - 1), limit)
        return random.uniform(most / 2, most)  # noqa: S311  # spreads retries, guards nothing


def _judge(file_id: str, line: int, custom_id: str, reply: Reply) -> tuple[dict[str, Any], bool]:
    """The record of an answer, and whether it is the last word."""
    try:
        body = json.loads(reply.body)
    except ValueError:
        body = None
    if body is None and reply.status < 300:
        record = unanswered(file_id, line, custom_id, "invalid_response", "the server's answer is not JSON")
        return record, False
    own_id = body.get("id") if isinstance(body, dict) else None
    request_id = reply.headers.get("x-request-id") or (own_id if isinstance(own_id, str) else f"{file_id}-{line}")
    record = answered(file_id, line, custom_id, reply.status, request_id, body)
    return record, reply.status not in RETRYABLE
