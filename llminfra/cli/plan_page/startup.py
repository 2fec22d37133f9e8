"""The cold start on the plan page: its phases, and what other storage, images and kernels would make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from llminfra.cli.terminal.start import phases_line, start_line
from llminfra.cli.terminal.words import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from llminfra.planning.plan.startup import LoadChoice, StartChoice, StartupPlan

_STORAGE = {
    "hub": "the Hub",
    "bucket": "S3 by streaming",
    "lustre": "Lustre",
    "ebs": "an EBS snapshot",
    "nvme": "NVMe, first pod of a node",
    "nvme-warm": "NVMe, later pods",
    "mountpoint": "S3 by Mountpoint",
    "copied": "a copy on disk",
}


def startup_lines(startup: StartupPlan, *, machine: str, patience: str) -> Iterator[RenderableType]:
    """How long a start takes, phase by phase, and the choices behind its longest phases.

    ``machine`` is what a container starts on, ``patience`` who waits for it, and how long.
    """
    first = f", the first pod {duration(startup.first_pod_s)} more" if startup.first_pod_s else ""
    yield start_line(startup, machine=machine, after=f"{first}; {patience}")
    yield phases_line(startup)
    rows = [
        ("weights", [_storage(choice) for choice in startup.choices]),
        ("image", [_start(choice) for choice in startup.images]),
        ("kernels", [_start(choice) for choice in startup.kernels]),
    ]
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=7, style="dim italic")
    table.add_column()
    for name, choices in rows:
        if len(choices) > 1:
            table.add_row(name, Text(" · ", style="dim").join(choices))
    if table.row_count:
        yield table


def _storage(choice: LoadChoice) -> Text:
    return _one(_STORAGE[choice.kind], choice.seconds, chosen=choice.chosen)


def _start(choice: StartChoice) -> Text:
    return _one(choice.what, choice.seconds, chosen=choice.chosen)


def _one(what: str, seconds: float, *, chosen: bool) -> Text:
    text = f"{what} {duration(seconds)}"
    return Text(f"{text} (planned)") if chosen else Text(text, style="dim")
