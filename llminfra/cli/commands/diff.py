"""``llminfra diff``: what a changed spec decides differently; Python only, in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llminfra.cli.options import AsJson, DangersFail, FailOn


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Spec file as it is applied.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Spec file as it shall be.")],
    as_json: AsJson = False,
    fail_on: DangersFail = FailOn.WARNING,
) -> None:
    """Compare the plans of two specs: hardware, memory, speed, who may call, quotas and money.

    Exits with 1 where callers lose a model name, an endpoint, an address or how they authenticate (LLM_GUARD_9), a
    bucket, file system, network or cluster goes or is made anew (LLM_GUARD_1, LLM_GUARD_2), or EKS refuses a version
    (LLM_GUARD_7), and no waiver of NEW accepts it.

    What becomes of single resources tells `rehearse OLD --then NEW`.
    """
    from llminfra.cli.terminal.failures import json_failures  # loaded when the command runs
    from llminfra.cli.terminal.output import print_result, stdout_console, write_json

    with json_failures(as_json):
        from llminfra.cli.diff_page.changes import paired, platform_changes
        from llminfra.cli.diff_page.losses import Loss, losses
        from llminfra.rules.specs import plan_specs

        before, after = plan_specs([old]), plan_specs([new])
        found, come, gone = [], [], []
        lost: dict[str, tuple[Loss, ...]] = {}
        for one, other in paired(before, after):
            if one is not None:
                lost[(other or one).platform.name] = losses(one, other)
            if one is not None and other is not None:
                found.append(platform_changes(one, other))
            else:
                come += [] if other is None else [other.platform.name]
                gone += [] if one is None else [one.platform.name]
    guards = None
    if any(lost.values()):  # what judges is loaded only where there is something to judge
        from llminfra.cli.work.guards import accepted_in_yaml, judged_losses

        guards = judged_losses(lost, before, after)
    ok = guards is None or not guards.failures(fail_on.severity)
    if as_json:
        from msgspec import to_builtins  # as the work asks

        write_json(
            {
                "ok": ok,
                "platforms": [to_builtins(item) for item in found],
                "new": come,
                "gone": gone,
                "dangers": [item.to_dict() for item in guards.findings] if guards is not None else [],
                "diagnostics": [item.to_dict() for plan in after for item in plan.diagnostics],
            }
        )
    else:
        from llminfra.cli.diff_page.changes_view import diff_view  # rich only for people

        console = stdout_console()
        for item in found:
            print_result(diff_view(item), console)
        for names, what in ((come, "is new"), (gone, "is gone: its stacks are destroyed with the old spec")):
            for name in names:
                console.print(f"{name} {what}", highlight=False)
        if guards is not None:
            from llminfra.cli.terminal.guard_view import print_guards  # rich only for people

            print_guards(guards, fail_on.severity, console, yaml=accepted_in_yaml(before, after))
    if not ok:
        raise typer.Exit(1)
