"""``llminfra synth``: a spec becomes Terraform JSON and Helm charts in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llminfra.cli.options import AsJson, Specs


def synth(
    specs: Specs,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the result; default: cdktf.out.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the Terraform stacks of every platform, and the charts they install."""
    from llminfra.cli.work.write_stacks import write_stacks  # heavy modules load inside the command

    write_stacks(specs, out, as_json=as_json)
