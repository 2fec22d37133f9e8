"""``llminfra diff``: what a changed spec decides differently; Python only, in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llminfra.cli.options import AsJson


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Spec file as it is applied.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Spec file as it shall be.")],
    as_json: AsJson = False,
) -> None:
    """Compare the plans of two specs: hardware, memory, speed, model names, quotas and money.

    What becomes of single resources tells `rehearse OLD --then NEW`.
    """
    from llminfra.cli.terminal.failures import json_failures  # loaded when the command runs
    from llminfra.cli.terminal.output import print_result, stdout_console, write_json

    with json_failures(as_json):
        from llminfra.cli.plan_page.changes import paired, platform_changes
        from llminfra.rules.specs import plan_specs

        before, after = plan_specs([old]), plan_specs([new])
        found, come, gone = [], [], []
        for one, other in paired(before, after):
            if one is not None and other is not None:
                found.append(platform_changes(one, other))
            else:
                come += [] if other is None else [other.platform.name]
                gone += [] if one is None else [one.platform.name]
    if as_json:
        from msgspec import to_builtins  # as the work asks

        diagnostics = [item.to_dict() for plan in after for item in plan.diagnostics]
        platforms = [to_builtins(item) for item in found]
        write_json({"ok": True, "platforms": platforms, "new": come, "gone": gone, "diagnostics": diagnostics})
        return
    from llminfra.cli.plan_page.changes_view import diff_view  # rich only for people

    console = stdout_console()
    for item in found:
        print_result(diff_view(item), console)
    for names, what in ((come, "is new"), (gone, "is gone: its stacks are destroyed with the old spec")):
        for name in names:
            console.print(f"{name} {what}", highlight=False)
