"""Planning, synthesizing and checking specs, and writing the page about them: the work of ``llminfra report``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from llminfra.cli.files import write_file
from llminfra.cli.terminal.failures import json_failures
from llminfra.diagnostics import UsageError

if TYPE_CHECKING:
    from llminfra.cli.page.stacks import StackView
    from llminfra.planning.plan import Plan
    from llminfra.policy import PolicyReport


def write_report(
    specs: Sequence[Path], out: Path, *, as_json: bool, use_checkov: bool = True, rules: Sequence[Path] = ()
) -> None:
    """Write the page of every platform of the specs, and say so on stdout.

    The page is written whatever the check finds: it shows the findings, and ``llminfra check`` is what fails on them.
    Without checkov the page says that it did not run.

    Args:
        specs: Spec files.
        out: File to write; it is replaced as a whole or not at all.
        as_json: Tell in JSON what was written.
        use_checkov: Whether checkov runs too.
        rules: Folders with own rules.

    Raises:
        SpecError: A spec failed, and JSON was not asked for.
        SystemExit: A spec failed, and that was told in JSON.
        UsageError: A file or folder is missing, or the page cannot be written.
    """
    with json_failures(as_json):
        from llminfra.cli.page.report_page import report_page  # heavy modules load as the work asks
        from llminfra.cli.work.planned import plan_for_synthesis

        if missing := [str(item) for item in rules if not item.is_dir()]:
            msg = f"there is no folder {', '.join(missing)}"
            raise UsageError(msg)
        plans = plan_for_synthesis(specs)
        checked, stacks = _check(plans, use_checkov=use_checkov, rules=rules)
        text = report_page(plans, checked, stacks)
        write_file(out, text)
        _say(plans, checked, out, len(text.encode()), as_json=as_json)


def _check(
    plans: Sequence[Plan], *, use_checkov: bool, rules: Sequence[Path]
) -> tuple[PolicyReport, tuple[StackView, ...]]:
    from llminfra.cli.extras import need  # heavy modules load as the work asks
    from llminfra.cli.page.stacks import read_stacks
    from llminfra.cli.work.scratch import synthesized

    policy = need("llminfra.policy", "report")
    process = policy.preload() if use_checkov else None  # checkov's import takes as long as the synthesis
    try:
        with synthesized(plans, "report") as folder:
            found = policy.check(plans, folder, use_checkov=use_checkov, external_dirs=rules, checkov=process)
            return found, read_stacks(folder)
    finally:
        if process is not None:
            process.close()


def _say(plans: Sequence[Plan], checked: PolicyReport, out: Path, size: int, *, as_json: bool) -> None:
    from llminfra.cli.terminal.output import write_json  # loaded when the command runs
    from llminfra.cli.terminal.words import count

    if as_json:
        write_json(
            {
                "ok": True,
                "report": str(out),
                "bytes": size,
                "platforms": [plan.platform.name for plan in plans],
                "policy": checked.counts(),
                "not_run": list(checked.not_run),
                "diagnostics": [item.to_dict() for plan in plans for item in plan.diagnostics],
            }
        )
        return
    import typer  # only for people

    names = ", ".join(plan.platform.name for plan in plans)
    found = f"{count(len(checked.open), 'open finding')}, {len(checked.waived)} accepted"
    typer.echo(f"{out}: {names}, {found}, {size / 1000:,.0f} kB")
