"""Ctrl-C while nothing is there to put away: the process ends with one line, not with a traceback of imports."""

import contextlib
import os
import signal
import sys

INTERRUPTED = 130
"""The exit code, as shells count: 128 and SIGINT."""


def end_at_interrupt() -> None:
    """From here on Ctrl-C ends the process at once, unless who started it had SIGINT ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_at_interrupt() -> None:
    """From here on Ctrl-C raises ``KeyboardInterrupt`` again: what runs has things to put away."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_number: int, _frame: object) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError):  # nobody reads it
            os.write(2, b"llminfra: interrupted\n")
    os._exit(INTERRUPTED)
