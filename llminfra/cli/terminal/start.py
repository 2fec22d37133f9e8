"""How long a start takes, in lines: the same for a plan and for a configuration of ``llminfra fit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from llminfra.cli.terminal.words import dot, duration

if TYPE_CHECKING:
    from llminfra.planning.plan.startup import StartupPlan


def start_line(startup: StartupPlan, *, machine: str, on: str = "", after: str = "") -> Text:
    """From nothing to the first answer, and from a machine that is there.

    ``machine`` is what a container starts on, ``on`` which one if several are told of, ``after`` what else is told.
    """
    return Text.assemble(
        f"cold start{on} ",
        (duration(startup.estimate_s), "bold"),
        f", on {machine} that is warm ",
        (duration(startup.container_s), "bold"),
        after,
    )


def phases_line(startup: StartupPlan) -> Text:
    """What the time goes to."""
    phases = (f"{phase.name} {duration(phase.seconds)}" for phase in startup.phases if phase.seconds >= 1)
    return Text(dot(*phases), style="dim")
