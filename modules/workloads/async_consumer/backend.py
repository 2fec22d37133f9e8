"""The endpoint behind the queue: an OpenAI-compatible server, or SageMaker."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from .form import Payload
from .http_post import ExchangeBrokenError, ExchangeTimeoutError, exchange
from .ledger import error_code
from .secret import ApiKey

# Statuses that say nothing about the request: busy, not allowed to us, gateway trouble.
NOT_FINAL = frozenset({401, 403, 408, 425, 429})


class TryLaterError(Exception):
    """No verdict on the request; ``code`` goes to the log, ``again_now``: another try in this turn makes sense."""

    def __init__(self, code: str, *, after_s: float = 0.0, again_now: bool = True) -> None:
        super().__init__(code)
        self.code = code
        self.after_s = after_s
        self.again_now = again_now


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict: 2xx, or a 4xx about the request itself."""

    status_code: int
    request_id: str
    body: Any

    @property
    def succeeded(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status_code < 300


class Backend(Protocol):
    """Asks the endpoint."""

    def is_healthy(self) -> bool:
        """Whether it makes sense to take messages now."""

    def ask(self, url: str, payload: Payload, request_id: str, timeout_s: float) -> Answer:
        """One try.

        Raises:
            TryLaterError: there is no verdict.
        """


def judge(status: int, body: bytes, request_id: str, after_s: float = 0.0) -> Answer:
    """What an answer means.

    Raises:
        TryLaterError: it is no verdict. A 4xx counts only with a JSON object, which engines send: a page of HTML comes
            from something in between.
    """
    try:
        item = json.loads(body)
    except ValueError:
        item = None
    refused = 400 <= status < 500 and status not in NOT_FINAL and isinstance(item, dict)
    if item is not None and (200 <= status < 300 or refused):
        return Answer(status, request_id, item)
    code = f"status_{status}" if status >= 300 else "not_json"
    raise TryLaterError(code, after_s=after_s, again_now=status not in {401, 403})


class HttpBackend:
    """An OpenAI-compatible server on EKS or EC2."""

    def __init__(self, base_url: str, health_path: str, api_key: ApiKey | None) -> None:
        self._base_url = base_url
        self._health_path = health_path
        self._api_key = api_key

    def is_healthy(self) -> bool:
        """Whether the health check answers with a 2xx."""
        try:
            reply = exchange("GET", self._base_url, self._health_path, None, {}, 5.0)
        except (ExchangeTimeoutError, ExchangeBrokenError):
            return False
        return 200 <= reply.status < 300

    def ask(self, url: str, payload: Payload, request_id: str, timeout_s: float) -> Answer:
        """One try; a refused key is read again once, since it may have been rotated."""
        try:
            return self._ask(url, payload, request_id, timeout_s, refresh=False)
        except TryLaterError as error:
            if self._api_key is None or error.code != "status_401":
                raise
        return self._ask(url, payload, request_id, timeout_s, refresh=True)

    def _ask(self, url: str, payload: Payload, request_id: str, timeout_s: float, *, refresh: bool) -> Answer:
        headers = {"Content-Type": payload.content_type, "X-Request-Id": request_id}
        if self._api_key is not None:
            headers["Authorization"] = f"Bearer {self._api_key.get(refresh=refresh)}"
        try:
            reply = exchange("POST", self._base_url, url, payload.data, headers, timeout_s)
        except ExchangeTimeoutError:
            raise TryLaterError("timeout", again_now=False) from None
        except ExchangeBrokenError:
            raise TryLaterError("endpoint_down") from None
        after = reply.headers.get("retry-after", "")
        after_s = float(after) if after.isdecimal() else 0.0
        return judge(reply.status, reply.body, reply.headers.get("x-request-id") or request_id, after_s)


class SageMakerBackend:
    """A SageMaker real-time endpoint. The container picks the API by the body; the message's url is not sent."""

    def __init__(self, make_client: Callable[[float], Any], endpoint: str, component: str, timeout_s: float) -> None:
        self._make_client = make_client
        self._timeout_s = timeout_s
        self._client = make_client(timeout_s)
        self._lock = threading.Lock()
        self._target = {"EndpointName": endpoint}
        if component:
            self._target["InferenceComponentName"] = component

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def is_healthy(self) -> bool:
        """SageMaker says so itself when it is not."""
        return True

    def ask(self, url: str, payload: Payload, request_id: str, timeout_s: float) -> Answer:
        """One try; ``url`` is not sent."""
        del url
        client = self._client
        if timeout_s < self._timeout_s:
            with self._lock:  # a read timeout belongs to a client, and making clients is not safe in threads
                client = self._make_client(timeout_s)
        try:
            reply = client.invoke_endpoint(**self._target, ContentType=payload.content_type, Body=payload.data)
            return judge(200, reply["Body"].read(), reply["ResponseMetadata"].get("RequestId") or request_id)
        except ClientError as error:
            return self._refused(error, request_id)
        except ReadTimeoutError:
            raise TryLaterError("timeout", again_now=False) from None
        except BotoCoreError as error:
            raise TryLaterError(type(error).__name__) from None
        finally:
            if client is not self._client:
                client.close()

    @staticmethod
    def _refused(error: ClientError, request_id: str) -> Answer:
        code = error_code(error)
        if code != "ModelError":
            raise TryLaterError(code, again_now=code not in {"AccessDeniedException", "ValidationError"}) from None
        response: dict[str, Any] = dict(error.response)
        status = int(response.get("OriginalStatusCode", 500))
        return judge(status, str(response.get("OriginalMessage", "")).encode(), request_id)
