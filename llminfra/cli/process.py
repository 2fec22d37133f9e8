"""What is right for a process that runs one command, and wrong for a program that only calls ``main``."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import warnings
from typing import TYPE_CHECKING, NoReturn, TextIO

if TYPE_CHECKING:
    from types import FrameType

CLOSED_PIPE = 141
"""The reader of a pipe, such as ``head``, has seen enough: 128 and SIGPIPE, as of programs that the signal ends.

It is not 1, which says that a spec or a check failed.
"""
_OBJECTS_BETWEEN_COLLECTIONS = 150_000


def prepare() -> None:
    """Set up the process before anything heavy is imported."""
    # A command lives for a second: frequent collections of its many imported objects would be a tenth of that.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 50, 50)
    # Entry points of pydantic plug-ins are searched on import; the command line uses none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _open_closed()
    signal.signal(signal.SIGTERM, _terminate)
    warnings.showwarning = _show_warning
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an ASCII terminal shows question marks instead of a traceback


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """What llminfra itself warns of is a line as all others; a place in its source would tell its caller nothing."""
    if category.__module__.startswith("llminfra."):
        text = f"llminfra: {message}\n"
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
    (file or sys.stderr).write(text)


class TerminatedError(KeyboardInterrupt):
    """A pipeline ended the process: what it began is put away as after Ctrl-C."""


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TerminatedError


def stopped_by(error: BaseException) -> int:
    """The exit code of an interrupted process, as shells count: 128 and the number of the signal."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, TerminatedError):
            return 128 + signal.SIGTERM
        seen = seen.__cause__ or seen.__context__
    return 128 + signal.SIGINT


def _open_closed() -> None:
    """A process that was started without stdout or stderr has nothing to say there, and still does its work."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123  # for all of its life


def leave(code: int) -> NoReturn:
    """End the process: exit handlers run, what was printed is written; only the modules are not taken down one by one.

    That would take a tenth of the time of a plan, for memory that the system takes back anyway.
    """
    atexit._run_exitfuncs()  # noqa: SLF001  # what the interpreter calls at its own end
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = code or CLOSED_PIPE
    os._exit(code)
