"""One shard: which of its lines are open, where finished ones are kept, and how it is closed.

Below ``_work/<file>/<shard>/`` of the output:

* ``parts/<attempt>-<n>.jsonl``: results, each object whole, never changed. A line may be in two parts, when two
  processes had the same shard.
* ``suspects/<attempt>.json``: lines that the server had when it died.
* ``commit.json``: the parts that count, in order; written once, by the first process that sees every line answered.
  Everything after it is a function of it, so whoever comes later writes the same bytes.

Beside it, for users: ``<name>-<file>/shard-00000.output.jsonl``, ``….errors.jsonl`` (if any) and ``….done.json``.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .lines import is_success, unanswered
from .plan import BOM, FilePlan, Shard, split_lines
from .settings import Settings
from .store import Store


class PartsMissingError(Exception):
    """Parts that the commit names are gone: somebody removed them."""


@dataclass(frozen=True, slots=True)
class Line:
    """An open line: its 1-based number in the file and its bytes."""

    number: int
    raw: bytes


class ShardWork:
    """State of one shard in this process. Only one thread uses it at a time, except for ``lines``."""

    def __init__(
        self, plan: FilePlan, shard: Shard, source: Store, target: Store, settings: Settings, attempt: str
    ) -> None:
        self.plan = plan
        self.shard = shard
        self._source = source
        self._target = target
        self._settings = settings
        self._attempt = attempt
        self._work = settings.output.join(f"_work/{plan.file_id}/{shard.index:05d}/")
        stem = plan.file.name.removesuffix(".jsonl")
        self._final = settings.output.join(f"{stem}-{plan.file_id}/shard-{shard.index:05d}")
        self._buffer: list[dict[str, Any]] = []
        self._buffer_since = 0.0
        self._parts_written = 0
        self.finished: set[int] = set()
        self.resumed = 0
        self.suspects: set[int] = set()
        self.expected: set[int] | None = None

    @property
    def done_key(self) -> str:
        """The marker that is written last."""
        return f"{self._final}.done.json"

    def done(self) -> dict[str, Any] | None:
        """What the marker says, None while there is none."""
        marker: dict[str, Any] | None = self._target.get_json(self.done_key)
        return marker

    def load(self) -> None:
        """Take up what earlier attempts left."""
        for key in self._part_keys():
            self.finished.update(item["line"] for item in self._read_part(key))
        self.resumed = len(self.finished)
        for found in self._target.list(f"{self._work}suspects/"):
            self.suspects.update(self._target.get_json(found["Key"]) or [])
        self.suspects -= self.finished

    def lines(self) -> Iterator[Line]:
        """The open lines, from a copy on disk; blank lines are nothing.

        Once it is used up, ``expected`` has the numbers of all lines that need a result.
        """
        expected: set[int] = set()
        with tempfile.TemporaryFile(dir=self._settings.scratch_dir or None) as copy:
            file, shard = self.plan.file, self.shard
            for block in self._source.stream(file.key, file.etag, shard.start, shard.end):
                copy.write(block)
            copy.seek(0)
            for number, line in enumerate(split_lines(iter(lambda: copy.read(1 << 20), b"")), start=shard.first_line):
                raw = (line.removeprefix(BOM) if number == 1 else line).strip()
                if not raw:
                    continue
                expected.add(number)
                if number not in self.finished:
                    yield Line(number, raw)
        self.expected = expected

    def refusal(self, line: int, custom_id: str | None) -> dict[str, Any] | None:
        """The record of a line whose custom_id an earlier line has."""
        if (earlier := self.plan.duplicates.get(line)) is None:
            return None
        message = f"custom_id is that of line {earlier}"
        return unanswered(self.plan.file_id, line, custom_id, "duplicate_custom_id", message)

    def record(self, line: int, record: dict[str, Any]) -> None:
        """Keep a result; it is safe only after ``flush``."""
        if not self._buffer:
            self._buffer_since = time.monotonic()
        self._buffer.append({"line": line, "record": record})
        self.finished.add(line)

    def flush_is_due(self) -> bool:
        """Whether the buffer is full or old."""
        if not self._buffer:
            return False
        old = time.monotonic() - self._buffer_since >= self._settings.part_s
        return old or len(self._buffer) >= self._settings.part_lines

    def flush(self) -> None:
        """Write the buffer as one part."""
        if not self._buffer:
            return
        data = "".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n" for item in self._buffer)
        key = f"{self._work}parts/{self._attempt}-{self._parts_written:06d}.jsonl"
        # Half a surrogate pair can come back from a server as an escape; it has no UTF-8.
        self._target.put(key, data.encode(errors="backslashreplace"))
        self._parts_written += 1
        self._buffer = []

    def suspect(self, lines: set[int]) -> None:
        """Note lines that the server had when it died: the next attempt sends them last, one at a time."""
        if lines:
            key = f"{self._work}suspects/{self._attempt}.json"
            self._target.put(key, json.dumps(sorted(lines | self.suspects)).encode())

    def is_complete(self) -> bool:
        """Whether every line has a result."""
        return self.expected is not None and len(self.finished) >= len(self.expected) and self.expected <= self.finished

    def close(self) -> dict[str, Any]:
        """Write the shard's files, once, whoever else tries at the same time; what its marker says."""
        self.flush()
        commit_key = f"{self._work}commit.json"
        # Another process's parts may have lines that this one has too, or has not: the commit settles it.
        own = json.dumps({"parts": self._part_keys(), "lines": sorted(self.expected or ())}).encode()
        commit = json.loads(own if self._target.put_once(commit_key, own) else self._target.get(commit_key) or own)
        chosen: dict[int, dict[str, Any]] = {}
        for key in commit["parts"]:
            for item in self._read_part(key):
                chosen.setdefault(item["line"], item["record"])
        if missing := [line for line in commit["lines"] if line not in chosen]:
            raise PartsMissingError(f"{self._work}: no result of line {missing[0]} in the parts of {commit_key}")
        records = [chosen[line] for line in commit["lines"]]
        good = [record for record in records if is_success(record)]
        bad = [record for record in records if not is_success(record)]
        if bad:
            self._target.put_once(f"{self._final}.errors.jsonl", _jsonl(bad))
        self._target.put_once(f"{self._final}.output.jsonl", _jsonl(good))
        counts = {"lines": len(records), "succeeded": len(good), "failed": len(bad), **_tokens(good)}
        marker = {
            "input": self.plan.file.key,
            "etag": self.plan.file.etag,
            "first_line": self.shard.first_line,
            **counts,
        }
        self._target.put_once(self.done_key, json.dumps(marker, sort_keys=True).encode())
        return marker

    def _part_keys(self) -> list[str]:
        return sorted(item["Key"] for item in self._target.list(f"{self._work}parts/"))

    def _read_part(self, key: str) -> Iterator[dict[str, Any]]:
        if (data := self._target.get(key)) is None:
            raise PartsMissingError(f"{key} is gone")
        # Not splitlines(): JSON may hold U+2028 and its kin unescaped.
        return (json.loads(line) for line in data.split(b"\n") if line)


def _jsonl(records: list[dict[str, Any]]) -> bytes:
    lines = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records)
    return "".join(lines).encode(errors="backslashreplace")


def _tokens(records: list[dict[str, Any]]) -> dict[str, int]:
    sums = {"prompt_tokens": 0, "completion_tokens": 0}
    for record in records:
        body = record["response"]["body"]
        usage = body.get("usage") if isinstance(body, dict) else None
        for name in sums:
            value = usage.get(name) if isinstance(usage, dict) else None
            sums[name] += value if isinstance(value, int) else 0
    return sums
