"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from llminfra.diagnostics import Severity


class FailOn(StrEnum):
    """The mildest severity that makes a command fail."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    NEVER = "never"

    @property
    def severity(self) -> Severity | None:
        """The severity; ``None``: nothing fails."""
        return None if self is FailOn.NEVER else Severity(self.value)


Specs = Annotated[
    list[Path], typer.Argument(metavar="SPEC…", help="Spec files: Python (every Platform they build) or YAML.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DangersFail = Annotated[
    FailOn,
    typer.Option("--fail-on", help="Mildest severity that fails, of dangers in a change that no waiver accepts."),
]
