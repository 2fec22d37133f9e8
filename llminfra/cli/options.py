"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Specs = Annotated[
    list[Path], typer.Argument(metavar="SPEC…", help="Spec files: Python (every Platform they build) or YAML.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
