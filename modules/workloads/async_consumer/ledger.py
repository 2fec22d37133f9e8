"""Who answers a request, and whether it is answered: objects in S3 that are written under conditions.

``<prefix>ledger/<key>.json`` goes from ``claimed`` (until a time) to ``done``; a claim that ran out can be taken over.
``<prefix>results/<key>.json`` is written once, whatever happens to claims. So a duplicate never gives a second answer,
and a claimer that dies only delays.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from .message import Message, PoisonError

MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
FAILED = frozenset({"412", "PreconditionFailed"})
CONFLICT = frozenset({"409", "ConditionalRequestConflict"})


@dataclass(frozen=True, slots=True)
class Claim:
    """We answer; ``etag`` proves it in the next write."""

    key: str
    digest: str
    etag: str
    until: float

    def ran_out(self, now: float) -> bool:
        """Whether another one may have taken over."""
        return now >= self.until


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody else is answering, for at most so long."""

    left_s: float


@dataclass(frozen=True, slots=True)
class Done:
    """Answered, and told."""


def error_code(error: ClientError) -> str:
    """The service's code, such as ``NoSuchKey``."""
    return str(error.response.get("Error", {}).get("Code", ""))


class Ledger:
    """The objects of one consumer, through a boto3 client."""

    def __init__(self, s3: Any, bucket: str, prefix: str, clock: Callable[[], float] = time.time) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix
        self._clock = clock

    def result_key(self, key: str) -> str:
        """Key of the object with the answer."""
        return f"{self._prefix}results/{key}.json"

    def claim(self, message: Message, lease_s: float) -> Claim | Busy | Done:
        """Become the one who answers, if there is none.

        Raises:
            PoisonError: the key was used for another request.
        """
        name, now = self._ledger_key(message.idempotency_key), self._clock()
        entry = self._entry("claimed", message.digest, now + lease_s)
        for _ in range(3):
            if (etag := self._put(name, entry, IfNoneMatch="*")) is not None:
                return Claim(message.idempotency_key, message.digest, etag, now + lease_s)
            if (found := self._get(name)) is None:
                continue  # removed in between
            state, old_etag = found
            if state["digest"] != message.digest:
                raise PoisonError("idempotency_conflict", "the idempotency_key belongs to another request")
            if state["state"] == "done":
                return Done()
            if (left_s := state["until"] - now) > 0:
                return Busy(left_s)
            if (etag := self._put(name, entry, IfMatch=old_etag)) is not None:
                return Claim(message.idempotency_key, message.digest, etag, now + lease_s)
        return Busy(1.0)

    def release(self, claim: Claim) -> None:
        """Let the next one claim at once."""
        self._put(self._ledger_key(claim.key), self._entry("claimed", claim.digest, 0), IfMatch=claim.etag)

    def finish(self, claim: Claim) -> None:
        """Answered and told; if the claim was taken over meanwhile, the other one will say so."""
        self._put(self._ledger_key(claim.key), self._entry("done", claim.digest, 0), IfMatch=claim.etag)

    def result(self, key: str) -> dict[str, Any] | None:
        """The answer, if there is one."""
        found = self._get(self.result_key(key))
        return None if found is None else found[0]

    def put_result(self, key: str, result: dict[str, Any]) -> bool:
        """Write the answer unless there is one; whether it was written."""
        data = json.dumps(result, ensure_ascii=False).encode(errors="backslashreplace")
        return self._put(self.result_key(key), data, IfNoneMatch="*") is not None

    def _ledger_key(self, key: str) -> str:
        return f"{self._prefix}ledger/{key}.json"

    @staticmethod
    def _entry(state: str, digest: str, until: float) -> bytes:
        return json.dumps({"state": state, "digest": digest, "until": until}).encode()

    def _get(self, name: str) -> tuple[dict[str, Any], str] | None:
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=name)
        except ClientError as error:
            if error_code(error) in MISSING:
                return None
            raise
        return json.loads(found["Body"].read()), found["ETag"]

    def _put(self, name: str, data: bytes, **condition: str) -> str | None:
        """Write under a condition; the new ETag, or None when it does not hold."""
        for attempt in range(6):
            try:
                written = self._s3.put_object(
                    Bucket=self._bucket, Key=name, Body=data, ContentType="application/json", **condition
                )
            except ClientError as error:
                if error_code(error) in FAILED | MISSING:  # If-Match on an object that is gone is a 404
                    return None
                # Another write is under way: S3 asks to try again.
                if error_code(error) not in CONFLICT or attempt == 5:
                    raise
                time.sleep(0.05 * 2**attempt)
            else:
                return str(written["ETag"])
        raise AssertionError("not reached")
