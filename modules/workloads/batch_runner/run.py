"""One child's work from the plan to the markers."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .endpoint import Endpoint, Unfinished
from .lines import BadLineError, parse_line, unanswered
from .plan import own_shards, plan_run
from .pool import Pool
from .server import Server
from .settings import Settings
from .shard_work import Line, ShardWork
from .stop import Stop, StoppedError
from .store import Store

POLL_S = 0.1
SERVER_DIED_DRAIN_S = 5.0
Task = tuple[ShardWork, Line]


class ServerDidNotStartError(Exception):
    """The health check was never good."""


@dataclass(kw_only=True)
class Counts:
    """What the metrics line says; sums over all shards of this child, earlier attempts included."""

    shards: int = 0
    shards_done: int = 0
    lines: int = 0
    succeeded: int = 0
    failed: int = 0
    resumed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    retries: int = 0
    server_start_s: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def add(self, marker: dict[str, Any]) -> None:
        """A shard is done."""
        self.shards_done += 1
        for name in ("lines", "succeeded", "failed", "prompt_tokens", "completion_tokens"):
            setattr(self, name, getattr(self, name) + marker[name])


def log(message: str) -> None:
    """Progress, without anything from the lines."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201


class Run:
    """Sends every open line of this child's shards, and closes the shards."""

    def __init__(
        self, settings: Settings, source: Store, target: Store, stop: Stop, make_endpoint: Callable[..., Endpoint]
    ) -> None:
        self._settings = settings
        self._source = source
        self._target = target
        self._stop = stop
        self._make_endpoint = make_endpoint
        self._server: Server | None = None
        self._open: list[ShardWork] = []
        self._lost: dict[int, tuple[ShardWork, set[int]]] = {}
        self.counts = Counts()

    def run(self) -> None:
        """Until every shard is done.

        Raises:
            StoppedError: something is left for the next attempt; all finished lines are written.
            ServerDidNotStartError: the server never became healthy.
        """
        attempt = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
        plans = plan_run(self._source, self._target, self._settings, self._stop.check)
        todo = []
        for plan, shard in own_shards(plans, self._settings.array_index, self._settings.array_size):
            self._stop.check()
            work = ShardWork(plan, shard, self._source, self._target, self._settings, attempt)
            self.counts.shards += 1
            if (marker := work.done()) is None:
                todo.append(work)
            else:
                self.counts.add(marker)
        log(f"{self.counts.shards} shards, {len(todo)} to do")
        if not todo:
            return
        if self._settings.server_command:
            self._server = Server(list(self._settings.server_command))
        endpoint = self._make_endpoint(self._server_died)
        try:
            self._wait_for_start(endpoint)
            self._send_all(endpoint, todo)
        finally:
            self.counts.retries = endpoint.retries
            if self._server is not None:
                self._server.terminate()
        if self.counts.shards_done < self.counts.shards:
            raise StoppedError(self._stop.reason or "lines are left without a result")

    def _server_died(self) -> bool:
        return self._server is not None and self._server.died()

    def _wait_for_start(self, endpoint: Endpoint) -> None:
        since = time.monotonic()
        if not endpoint.wait_for_start():
            self._stop.check()
            status = None if self._server is None else self._server.exit_status
            ended = f"ended with status {status}" if status is not None else "is not healthy"
            raise ServerDidNotStartError(f"the server {ended} after {time.monotonic() - since:.0f} s")
        self.counts.server_start_s = round(time.monotonic() - since, 1)
        log(f"the server is healthy after {self.counts.server_start_s} s")

    def _send_all(self, endpoint: Endpoint, todo: list[ShardWork]) -> None:
        aside: list[Task] = []
        try:
            self._drive(self._tasks(todo, aside), endpoint, self._settings.concurrency, alone=False)
            if aside and not self._stop.requested:
                log(f"{len(aside)} lines that the server had when it died, one at a time")
                self._drive(iter(aside), endpoint, 1, alone=True)
        finally:
            self._keep()

    def _tasks(self, todo: list[ShardWork], aside: list[Task]) -> Iterator[Task]:
        """Open lines of one shard after the other; those under suspicion go aside."""
        for work in todo:
            work.load()
            self.counts.resumed += work.resumed
            self._open.append(work)
            for line in work.lines():
                if line.number in work.suspects:
                    aside.append((work, line))
                else:
                    yield work, line

    def _drive(self, tasks: Iterator[Task], endpoint: Endpoint, threads: int, *, alone: bool) -> None:
        def send(task: Task) -> dict[str, Any] | Unfinished:
            work, line = task
            try:
                request = parse_line(line.raw)
            except BadLineError as error:
                custom_id = error.custom_id
                bad = unanswered(work.plan.file_id, line.number, custom_id, error.code, str(error))
                return work.refusal(line.number, custom_id) or bad
            return work.refusal(line.number, request.custom_id) or endpoint.send(
                work.plan.file_id, line.number, request
            )

        pool = Pool(tasks, send, threads, self._stop, endpoint.release)
        while pool.running and time.monotonic() < self._stop.deadline:
            if (result := pool.next_result(POLL_S)) is not None:
                (work, line), outcome = result
                if not isinstance(outcome, Unfinished):
                    work.record(line.number, outcome)
                elif outcome.lost_server and self._server_died():
                    self._lose(work, line, alone=alone)
            for work in [work for work in self._open if work.flush_is_due()]:
                work.flush()
            for work in [work for work in self._open if work.is_complete()]:
                self.counts.add(work.close())
                self._open.remove(work)
                log(f"{work.done_key} is done ({self.counts.shards_done} of {self.counts.shards})")
            if self._server_died():
                self._stop.request("server_died", SERVER_DIED_DRAIN_S)

    def _lose(self, work: ShardWork, line: Line, *, alone: bool) -> None:
        """The server died while it had the line. Alone and under suspicion, the line did it."""
        if alone:
            message = "the server died while it had this line, twice, the second time alone"
            custom_id = parse_line(line.raw).custom_id
            record = unanswered(work.plan.file_id, line.number, custom_id, "server_crashed", message)
            work.record(line.number, record)
        else:
            self._lost.setdefault(id(work), (work, set()))[1].add(line.number)

    def _keep(self) -> None:
        """Write what is finished. One shard's failure must not cost the others theirs."""
        failures: list[Exception] = []
        for work in self._open:
            try:
                work.flush()
                if id(work) in self._lost:
                    work.suspect(self._lost[id(work)][1])
            except Exception as error:  # noqa: BLE001  # raised below
                failures.append(error)
        if failures:
            raise failures[0]
