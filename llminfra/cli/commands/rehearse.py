"""``llminfra rehearse``: the real Terraform applies the stacks against simulated providers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llminfra.cli.options import AsJson, DangersFail, FailOn, Specs
from llminfra.cli.terminal.failures import json_failures
from llminfra.diagnostics import UsageError

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.rehearsal import ChangeReport


def rehearse(
    specs: Specs,
    as_json: AsJson = False,
    keep: Annotated[
        Path | None, typer.Option(help="Keep working copies, state and world in this new folder.", show_default=False)
    ] = None,
    stack: Annotated[
        list[str] | None, typer.Option(help="Only this stack and those it needs; may be repeated.", show_default=False)
    ] = None,
    then: Annotated[
        Path | None, typer.Option(help="Apply SPEC, then this spec over it: what would change.", show_default=False)
    ] = None,
    fail_on: DangersFail = FailOn.WARNING,
    faults: Annotated[bool, typer.Option("--faults", help="Let provider calls fail, and repeat.")] = False,
    seed: Annotated[int, typer.Option(help="Start of the random draw of faults.")] = 0,
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Stop after validate.")] = False,
    binary: Annotated[
        Path | None, typer.Option(help="Terraform or OpenTofu; default: found on PATH.", show_default=False)
    ] = None,
    existing: Annotated[
        Path | None, typer.Option(help="JSON file with what the account holds already.", dir_okay=False)
    ] = None,
) -> None:
    """Init, validate, plan, apply, plan again and destroy every stack, offline, with the real Terraform."""
    from llminfra.cli.extras import need  # heavy modules load inside the command
    from llminfra.cli.terminal.output import print_result, stdout_console, write_json
    from llminfra.cli.terminal.progress import rehearsal_progress
    from llminfra.cli.terminal.rehearse_view import rehearsal_view
    from llminfra.cli.work.planned import plan_for_synthesis
    from llminfra.cli.work.scratch import synthesized

    if then is not None and (faults or validate_only):
        msg = "--then goes with neither --faults nor --validate-only"
        raise UsageError(msg)
    with json_failures(as_json):
        rehearsal = need("llminfra.rehearsal", "rehearse", "rehearse")
        world = _world(existing)
        plans = plan_for_synthesis(specs)
        after = plan_for_synthesis([then]) if then is not None else ()
        common = {"only": stack or (), "keep": keep, "binary": binary, "existing": world}
        with synthesized(plans, "rehearse") as old:
            if then is None:
                plan = rehearsal.FaultPlan(seed=seed) if faults else None
                with rehearsal_progress() as on_event:
                    report = rehearsal.rehearse(
                        old, validate_only=validate_only, faults=plan, on_event=on_event, **common
                    )
            else:
                with synthesized(after, "rehearse") as new, rehearsal_progress() as on_event:
                    changed = rehearsal.rehearse_change(old, new, on_event=on_event, **common)
                _tell_change(changed, plans, after, fail_on, as_json=as_json)
                return
    if as_json:
        write_json({"diagnostics": [item.to_dict() for plan in plans for item in plan.diagnostics], **report.to_dict()})
    else:
        print_result(rehearsal_view(report), stdout_console())
    if not report.ok:
        raise typer.Exit(1)


def _tell_change(
    report: ChangeReport, before: Sequence[Plan], after: Sequence[Plan], fail_on: FailOn, *, as_json: bool
) -> None:
    """The change and what stands against it; fails where it did not go through, or nobody accepted a danger."""
    from llminfra.cli.terminal.guard_view import print_guards  # loaded when the command runs
    from llminfra.cli.terminal.output import print_result, stdout_console, write_json
    from llminfra.cli.terminal.rehearse_view import change_view
    from llminfra.cli.work.guards import accepted_in_yaml, judged_changes

    guards = judged_changes(report.changes, before, after)
    ok = report.ok and not guards.failures(fail_on.severity)
    if as_json:
        found = [item.to_dict() for plan in before for item in plan.diagnostics]
        dangers = [item.to_dict() for item in guards.findings]
        write_json({"diagnostics": found, **report.to_dict(), "dangers": dangers, "ok": ok})
    else:
        console = stdout_console()
        print_result(change_view(report, guards), console)
        print_guards(guards, fail_on.severity, console, yaml=accepted_in_yaml(before, after))
    if not ok:
        raise typer.Exit(1)


def _world(path: Path | None) -> object:
    if path is None:
        return None
    import json  # loaded when the command runs

    from llminfra.rehearsal import World

    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise UsageError(msg) from None
    except ValueError as error:
        msg = f"{path} is no JSON: {error}"
        raise UsageError(msg) from None
    if not isinstance(data, dict):
        msg = f"{path}: a world is a JSON object with account_id and objects"
        raise UsageError(msg)
    return World.from_dict(data)
