"""What is done with one message, wherever it comes from."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .backend import Answer, Backend, TryLaterError
from .form import Payload, form
from .ledger import MISSING, Busy, Claim, Done, Ledger, error_code
from .log import log, where
from .message import VERSION, Message, Pointer, PoisonError, check_body, parse_message
from .settings import Settings

LEASE_MARGIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """``delete``: the message is done with. Otherwise SQS gives it again after ``again_after_s``, and counts."""

    delete: bool
    code: str
    again_after_s: int = 0


class Consumer:
    """Answers messages. Safe to use from several threads: it holds clients only."""

    def __init__(self, settings: Settings, backend: Backend, s3: Any, sns: Any) -> None:
        self._settings = settings
        self._backend = backend
        self._s3 = s3
        self._sns = sns
        self._ledger = Ledger(s3, settings.result_bucket, settings.result_prefix)

    def handle(self, message_id: str, text: str, receive_count: int, deadline: float) -> Outcome:
        """Answer one message, or say what is to become of it; raises nothing.

        Args:
            message_id: That of SQS.
            text: The message's body.
            receive_count: How often SQS has delivered it, this time included.
            deadline: When it has to be over, by ``time.monotonic``.
        """
        started = time.monotonic()
        try:
            outcome = self._handle(message_id, text, deadline)
        except PoisonError as error:
            # Nothing helps: let SQS count quickly to its limit and put the message into the dead-letter queue.
            outcome = Outcome(False, error.code)
            log("ERROR", "poison", message_id=message_id, code=error.code, reason=str(error))
        except TryLaterError as error:
            again = max(error.after_s, self._settings.backoff_s * 2 ** min(receive_count - 1, 16))
            outcome = Outcome(False, error.code, int(min(again, self._settings.backoff_max_s)))
        except (ClientError, BotoCoreError) as error:
            code = error_code(error) if isinstance(error, ClientError) else type(error).__name__
            outcome = Outcome(False, f"aws_{code}", int(self._settings.backoff_s))
        except Exception as error:  # noqa: BLE001  # one message must not take the others of its batch with it
            log("ERROR", "internal_error", message_id=message_id, where=where(error))
            outcome = Outcome(False, "internal_error", int(self._settings.backoff_s))
        log(
            "INFO" if outcome.delete else "WARNING",
            "message",
            message_id=message_id,
            code=outcome.code,
            deleted=outcome.delete,
            receive_count=receive_count,
            again_after_s=outcome.again_after_s,
            duration_s=round(time.monotonic() - started, 3),
        )
        return outcome

    def _handle(self, message_id: str, text: str, deadline: float) -> Outcome:
        message = parse_message(text, message_id)
        left_s = deadline - time.monotonic()
        if left_s < self._settings.min_call_s:
            raise TryLaterError("no_time_left", again_now=False)
        match self._ledger.claim(message, left_s + LEASE_MARGIN_S):
            case Done():
                return Outcome(True, "duplicate")
            case Busy(busy_s):
                raise TryLaterError("claimed_by_another", after_s=busy_s, again_now=False)
            case Claim() as claim:
                return self._answer(claim, message, message_id, deadline)

    def _answer(self, claim: Claim, message: Message, message_id: str, deadline: float) -> Outcome:
        key = message.idempotency_key
        try:
            if (result := self._ledger.result(key)) is None:
                started = time.monotonic()
                answer = self._ask(message, deadline)
                result = _result(message, message_id, answer, time.monotonic() - started)
                if not self._ledger.put_result(key, result):
                    result = self._ledger.result(key) or result
            self._notify(claim, result)
        except BaseException:
            self._ledger.release(claim)
            raise
        self._ledger.finish(claim)
        return Outcome(True, result["status"])

    def _ask(self, message: Message, deadline: float) -> Answer:
        payload = self._payload(message)
        attempt = 0
        while True:
            attempt += 1
            left_s = deadline - time.monotonic()
            if left_s < self._settings.min_call_s:
                raise TryLaterError("no_time_left", again_now=False)
            timeout_s = min(left_s, self._settings.request_timeout_s)
            try:
                return self._backend.ask(message.url, payload, message.idempotency_key, timeout_s)
            except TryLaterError as error:
                pause_s = max(self._settings.call_backoff_s * 2 ** (attempt - 1), error.after_s)
                enough = deadline - time.monotonic() - pause_s >= self._settings.min_call_s
                if attempt >= self._settings.call_attempts or not error.again_now or not enough:
                    raise
            time.sleep(pause_s)

    def _payload(self, message: Message) -> Payload:
        """The request as it is posted: JSON, or a form with the recording."""
        content = self._read(message.file, "file_s3") if message.file is not None else b""
        body = message.body if message.pointer is None else self._fetch(message.pointer)
        try:
            if message.file is not None:
                return form(body or {}, message.file.key.rpartition("/")[2], content)
            data = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        except ValueError:
            raise PoisonError("invalid_body", "body has NaN, an infinity or half a surrogate pair") from None
        return Payload("application/json", data)

    def _fetch(self, pointer: Pointer) -> dict[str, Any]:
        """A body from S3."""
        data = self._read(pointer, "body_s3")
        try:
            return check_body(json.loads(data))
        except (ValueError, RecursionError):
            raise PoisonError("invalid_json", "the object of body_s3 is not JSON") from None

    def _read(self, pointer: Pointer, what: str) -> bytes:
        """An object from the one place that is allowed: the sender must not choose what our role reads."""
        allowed = self._settings.body_bucket
        if not allowed or pointer.bucket != allowed or not pointer.key.startswith(self._settings.body_prefix):
            raise PoisonError("body_not_allowed", f"{what} points outside the place for bodies")
        version = {} if pointer.version_id is None else {"VersionId": pointer.version_id}
        limit = self._settings.max_body_mib * 1024 * 1024
        try:
            found = self._s3.get_object(Bucket=pointer.bucket, Key=pointer.key, **version)
        except ClientError as error:
            if error_code(error) in MISSING | {"NoSuchVersion", "InvalidArgument"}:
                raise PoisonError("body_not_found", f"{what} points at nothing") from None
            raise
        with closing(found["Body"]) as stream:
            if found["ContentLength"] > limit:
                raise PoisonError("body_too_large", f"the object has more than {self._settings.max_body_mib} MiB")
            data: bytes = stream.read()
        return data

    def _notify(self, claim: Claim, result: dict[str, Any]) -> None:
        """Tell the topic. It can happen twice (a crash before ``finish``), so the key is in it."""
        if claim.ran_out(time.time()):  # a Lambda that was frozen: by now it is another one's to tell
            raise TryLaterError("claim_ran_out", again_now=False)
        topic, key = self._settings.topic_arn, claim.key
        if not topic:
            return
        place = {"bucket": self._settings.result_bucket, "key": self._ledger.result_key(key)}
        notification = {
            "version": VERSION,
            "idempotency_key": key,
            "status": result["status"],
            "status_code": result["response"]["status_code"],
            "result": place,
            "metadata": result["metadata"],
        }
        fifo = {"MessageGroupId": key, "MessageDeduplicationId": key} if topic.endswith(".fifo") else {}
        self._sns.publish(
            TopicArn=topic,
            Message=json.dumps(notification),
            MessageAttributes={"status": {"DataType": "String", "StringValue": result["status"]}},
            **fifo,
        )


def _result(message: Message, message_id: str, answer: Answer, duration_s: float) -> dict[str, Any]:
    return {
        "version": VERSION,
        "idempotency_key": message.idempotency_key,
        "message_id": message_id,
        "status": "succeeded" if answer.succeeded else "failed",
        "response": {"status_code": answer.status_code, "request_id": answer.request_id, "body": answer.body},
        "metadata": message.metadata,
        "created_at": datetime.now(UTC).isoformat(),
        "duration_s": round(duration_s, 3),
    }
