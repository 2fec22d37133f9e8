"""``llminfra report``: one page about platforms, to read, to print and to hand on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llminfra.cli.options import AsJson, Specs


def report(
    specs: Specs,
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write.", dir_okay=False)] = Path("report.html"),
    as_json: AsJson = False,
    rules_only: Annotated[bool, typer.Option("--rules-only", help="Leave checkov out.")] = False,
    rules: Annotated[
        list[Path] | None, typer.Option(help="Folder with own rules (*.py) and checkov policies.", file_okay=False)
    ] = None,
) -> None:
    """Write one self-contained HTML page: architecture, memory, cold starts, cost, quotas, policy, stacks."""
    from llminfra.cli.work.write_report import write_report  # loaded when the command runs

    write_report(specs, out, as_json=as_json, use_checkov=not rules_only, rules=rules or ())
