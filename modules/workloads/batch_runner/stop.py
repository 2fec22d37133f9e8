"""One place to ask for an orderly end, from signals, from the spot notice and from failures."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType


class StoppedError(Exception):
    """Work was left for the next attempt; the message says why."""


class Stop:
    """Set once, by whoever is first; ``deadline`` is when in-flight work is given up (``time.monotonic``)."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.deadline: float = float("inf")
        self._event = threading.Event()
        self._lock = threading.Lock()

    def request(self, reason: str, drain_s: float) -> None:
        """Ask for the end. A later request keeps the reason and can only shorten the time."""
        with self._lock:
            self.reason = self.reason or reason
            self.deadline = min(self.deadline, time.monotonic() + drain_s)
        self._event.set()

    @property
    def requested(self) -> bool:
        """Whether the end was asked for."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not past a request; whether there was one."""
        return self._event.wait(seconds)

    def check(self) -> None:
        """Raise ``StoppedError`` after a request."""
        if self.requested:
            raise StoppedError(self.reason)


def watch_signals(stop: Stop, drain_s: float) -> None:
    """Turn SIGTERM and SIGINT into a request.

    The handler only sets a flag that a thread polls: a handler that took the lock of ``stop`` could interrupt the very
    code that holds it.
    """
    received: list[str] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(signal.Signals(number).name)

    def poll() -> None:
        while not received:
            time.sleep(0.05)
        stop.request(received[0], drain_s)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    threading.Thread(target=poll, name="signals", daemon=True).start()
