"""``llminfra plan``: everything that was decided, before anything is written."""

from __future__ import annotations

from llminfra.cli.options import AsJson, Specs
from llminfra.cli.print_plans import print_plans


def plan(specs: Specs, as_json: AsJson = False) -> None:
    """Show fit, parallelism, placement, network cards, cold starts, quotas and cost of every platform."""
    print_plans(specs, as_json=as_json)
