"""A bucket in memory whose writer can die at any write, for the properties of the batch runner."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from typing import Any

from batch_runner.store import InputChangedError


class Killed(BaseException):
    """The process is gone: nothing that it does afterwards has an effect."""


class MemoryBucket:
    """The objects; shared by stores."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.lock = threading.Lock()
        self.overwritten: list[str] = []

    def lines(self, suffix: str) -> list[Any]:
        found = [key for key in sorted(self.objects) if key.endswith(suffix) and "/_work/" not in key]
        return [json.loads(line) for key in found for line in self.objects[key].split(b"\n") if line]


class MemoryStore:
    """What ``batch_runner.store.Store`` does, of one process. It dies before or after its ``kill_at``-th write."""

    bucket = "memory"

    def __init__(self, objects: MemoryBucket, kill_at: int | None = None, *, after: bool = False) -> None:
        self._objects = objects
        self._kill_at = kill_at
        self._after = after
        self.writes = 0

    def list(self, prefix: str) -> Iterator[dict[str, Any]]:
        with self._objects.lock:
            found = sorted(key for key in self._objects.objects if key.startswith(prefix))
        for key in found:
            data = self._objects.objects[key]
            yield {"Key": key, "ETag": _etag(data), "Size": len(data)}

    def get(self, key: str) -> bytes | None:
        return self._objects.objects.get(key)

    def get_json(self, key: str) -> Any:
        data = self.get(key)
        return None if data is None else json.loads(data)

    def put(self, key: str, data: bytes) -> None:
        self._write(key, data, once=False)

    def put_once(self, key: str, data: bytes) -> bool:
        return self._write(key, data, once=True)

    def stream(self, key: str, etag: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        data = self._objects.objects[key]
        if _etag(data) != etag:
            raise InputChangedError(key)
        yield data[start:end]

    def _write(self, key: str, data: bytes, *, once: bool) -> bool:
        with self._objects.lock:
            self.writes += 1
            if self._kill_at is not None and self.writes >= self._kill_at + self._after:
                raise Killed
            if key in self._objects.objects:
                if once:
                    return False
                self._objects.overwritten.append(key)
            self._objects.objects[key] = data
        if self._kill_at is not None and self.writes >= self._kill_at:
            raise Killed
        return True


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'
