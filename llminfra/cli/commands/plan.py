"""``llminfra plan``: everything that was decided, before anything is written."""

from __future__ import annotations

from typing import Annotated

import typer

from llminfra.cli.options import AsJson, Specs
from llminfra.cli.work.print_plans import print_plans


def plan(
    specs: Specs,
    as_json: AsJson = False,
    why: Annotated[bool, typer.Option("--why", help="Print every line behind the figures of the endpoints.")] = False,
) -> None:
    """Show fit, parallelism, placement, network cards, cold starts, quotas and cost of every platform."""
    print_plans(specs, as_json=as_json, why=why)
