"""``llminfra plan``: everything that was decided, before anything is written."""

from __future__ import annotations

from llminfra.cli.failures import json_failures
from llminfra.cli.options import AsJson, Specs


def plan(specs: Specs, as_json: AsJson = False) -> None:
    """Show fit, parallelism, placement, network cards, cold starts, quotas and cost of every platform."""
    with json_failures(as_json):
        from llminfra.cli.output import print_result, stdout_console, write_json  # noqa: PLC0415  # loaded when the command runs
        from llminfra.cli.specs import plan_specs  # noqa: PLC0415

        plans = plan_specs(specs)
        if as_json:
            from llminfra.cli.plan_json import plan_json  # noqa: PLC0415

            diagnostics = [item.to_dict() for each in plans for item in each.diagnostics]
            write_json({"ok": True, "plans": [plan_json(each) for each in plans], "diagnostics": diagnostics})
            return
        from llminfra.cli.plan_view import plan_view  # noqa: PLC0415  # rich only for people

        console = stdout_console()
        for each in plans:
            print_result(plan_view(each, console.width), console)
