"""Progress of a rehearsal on a terminal: which stack is where, and how many resources are done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llminfra.rehearsal import Event


@contextmanager
def rehearsal_progress() -> Iterator[Callable[[Event], None] | None]:
    """A listener for events that keeps one line per stack up to date; ``None`` where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # terminals only

    from llminfra.cli.terminal.output import stderr_console

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("[dim]{task.fields[step]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr_console(), transient=True) as progress:
        tasks: dict[str, tuple[int, list[int]]] = {}

        def on_event(event: Event) -> None:
            if event.stack not in tasks:
                tasks[event.stack] = (progress.add_task(event.stack, total=None, step=""), [0])
            task, done = tasks[event.stack]
            if event.kind == "step_started":
                done[0] = 0
            elif event.kind == "resource":
                done[0] += 1
            resources = f" {done[0]} resources" if done[0] else ""
            progress.update(task, step=f"{event.step}{resources}")  # type: ignore[arg-type]  # a TaskID is an int

        yield on_event
