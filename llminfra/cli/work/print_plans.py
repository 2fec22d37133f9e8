"""Planning specs and printing the plans: the work of ``llminfra plan``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llminfra.cli.terminal.failures import json_failures


def print_plans(specs: Sequence[Path], *, as_json: bool, why: bool = False) -> None:
    """Print the plan of every platform on stdout.

    Raises:
        SpecError: A spec failed, and JSON was not asked for.
        SystemExit: A spec failed, and that was told in JSON.
        UsageError: A file is missing, or no spec.
    """
    with json_failures(as_json):
        from llminfra.cli.terminal.output import print_result, stdout_console, write_json  # as the work asks
        from llminfra.rules.specs import plan_specs

        plans = plan_specs(specs)
        if as_json:
            from llminfra.cli.plan_page.plain_data import plan_json

            diagnostics = [item.to_dict() for each in plans for item in each.diagnostics]
            write_json({"ok": True, "plans": [plan_json(each) for each in plans], "diagnostics": diagnostics})
            return
        from llminfra.cli.plan_page.view import plan_view  # rich only for people

        console = stdout_console()
        for each in plans:
            print_result(plan_view(each, console.width, why=why), console)
