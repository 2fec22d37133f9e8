"""Consoles and JSON: results on stdout, progress on stderr, colour and width by the terminal."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType

_PIPE_WIDTH = 100
_WIDEST = 120


def stdout_console() -> Console:
    """Console for results; at most 120 columns, because longer lines are hard to read."""
    return _console(sys.stdout)


def stderr_console() -> Console:
    """Console for progress and findings."""
    return _console(sys.stderr)


def _console(stream: Any) -> Console:
    from rich.console import Console  # only commands that print tables pay for rich

    width = None if os.environ.get("COLUMNS") or stream.isatty() else _PIPE_WIDTH
    console = Console(file=stream, width=width, highlight=False, soft_wrap=False, emoji=False)
    console.width = min(console.width, _WIDEST)
    return console


def print_result(view: RenderableType, console: Console) -> None:
    """Print a result; in a pipe without the blanks that fill up columns. What says that it must not wrap is whole."""
    if console.is_terminal:
        console.print(view, crop=False)
        return
    with console.capture() as capture:
        console.print(view, crop=False)
    console.file.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def write_json(value: object) -> None:
    """Write one JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def working_on(what: str) -> Iterator[None]:
    """Show on a terminal that something takes time; silent in pipes."""
    if not sys.stderr.isatty():
        yield
        return
    with stderr_console().status(what):
        yield
