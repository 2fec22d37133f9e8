"""Entry point of the in-cluster worker: ``python3 -m async_consumer``. Ends with 0 after SIGTERM or when idle."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType

from .clients import App
from .log import log
from .settings import SettingsError, read_settings
from .worker import Worker

BAD_SETTINGS = 78  # EX_CONFIG of sysexits.h


def _app() -> App:
    settings = read_settings(os.environ)
    if not settings.queue_url:
        raise SettingsError("ASYNC_QUEUE_URL is not set")
    return App(settings)


def main() -> int:
    """Run with the settings of the environment."""
    try:
        app = _app()
    except SettingsError as error:
        log("ERROR", "settings", mistakes=str(error).split("\n"))
        return BAD_SETTINGS
    stop = threading.Event()
    signals: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        signals.append(number)  # a flag only: the handler may interrupt code that holds the event's lock

    def poll() -> None:
        while not signals:
            time.sleep(0.05)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    threading.Thread(target=poll, name="signals", daemon=True).start()
    done = Worker(app, stop).run()
    log("INFO", "ended", messages=done)
    app.close()
    return 0


if __name__ == "__main__":
    # Threads that are given up at the end of the drain must not hold the process: os._exit skips joining them.
    code = main()
    sys.stdout.flush()
    os._exit(code)
