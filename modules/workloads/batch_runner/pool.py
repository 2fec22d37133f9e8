"""Threads that take lines from one source, send them and hand back what came of it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from .stop import Stop

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Pool(Generic[Item, Outcome]):
    """``size`` threads, each of which ends with ``at_end``.

    A thread takes the next item itself, so the pool stays busy while results are written.
    """

    def __init__(
        self,
        source: Iterator[Item],
        work: Callable[[Item], Outcome],
        size: int,
        stop: Stop,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._source_lock = threading.Lock()
        self._work = work
        self._stop = stop
        self._at_end = at_end
        self._results: queue.SimpleQueue[tuple[Item, Outcome] | BaseException | None] = queue.SimpleQueue()
        self._running = size
        for number in range(size):
            threading.Thread(target=self._loop, name=f"line-{number}", daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether there are results to come."""
        return self._running > 0

    def next_result(self, timeout_s: float) -> tuple[Item, Outcome] | None:
        """One result, or None when there is none in time. Raises what broke the source or the work."""
        try:
            message = self._results.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if message is None:
            self._running -= 1
            return None
        if isinstance(message, BaseException):
            raise message
        return message

    def _loop(self) -> None:
        try:
            while not self._stop.requested:
                with self._source_lock:
                    item = next(self._source)
                self._results.put((item, self._work(item)))
        except StopIteration:
            pass
        except BaseException as error:  # noqa: BLE001  # raised again in the main thread
            self._results.put(error)
        self._at_end()
        self._results.put(None)
