"""The few S3 operations that the runner needs. Every write is one whole object: it is there or it is not."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
EXISTS = frozenset({"412", "PreconditionFailed"})
CONFLICT = frozenset({"409", "ConditionalRequestConflict"})
READ_BYTES = 1024 * 1024


class InputChangedError(Exception):
    """An input object is not the one that was planned."""


def error_code(error: ClientError) -> str:
    """The service's code, such as ``NoSuchKey``."""
    return str(error.response.get("Error", {}).get("Code", ""))


class Store:
    """Objects of one bucket, through a boto3 client."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def list(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Key, ETag and Size of what is below the prefix, by key."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            yield from page.get("Contents", [])

    def get(self, key: str) -> bytes | None:
        """The object, or None."""
        try:
            return bytes(self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        except ClientError as error:
            if error_code(error) in MISSING:
                return None
            raise

    def get_json(self, key: str) -> Any:
        """The object as JSON, or None."""
        data = self.get(key)
        return None if data is None else json.loads(data)

    def put(self, key: str, data: bytes) -> None:
        """Write an object under a name that nobody else uses."""
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=data)

    def put_once(self, key: str, data: bytes) -> bool:
        """Write the object unless there is one; whether it was written."""
        for attempt in range(8):
            try:
                self._s3.put_object(Bucket=self.bucket, Key=key, Body=data, IfNoneMatch="*")
            except ClientError as error:
                if error_code(error) in EXISTS:
                    return False
                # Another writer is under way: S3 asks to try again, and then answers with 412 or takes it.
                if error_code(error) not in CONFLICT or attempt == 7:
                    raise
                time.sleep(0.05 * 2**attempt)
            else:
                return True
        raise AssertionError("not reached")

    def stream(self, key: str, etag: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Blocks of bytes ``start`` to ``end`` (exclusive) of the very object that was planned.

        Raises:
            InputChangedError: the object was replaced or removed.
        """
        extra = {} if end is None else {"Range": f"bytes={start}-{end - 1}"}
        try:
            body = self._s3.get_object(Bucket=self.bucket, Key=key, IfMatch=etag, **extra)["Body"]
        except ClientError as error:
            if error_code(error) in EXISTS | MISSING:
                raise InputChangedError(f"s3://{self.bucket}/{key} is no longer the object with ETag {etag}") from error
            raise
        with body:
            while block := body.read(READ_BYTES):
                yield block
