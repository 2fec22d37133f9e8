"""``llminfra check``: llminfra's rules and checkov on a spec and on what it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from llminfra.cli.files import write_file
from llminfra.cli.options import FailOn
from llminfra.diagnostics import Diagnostic, SpecError, UsageError

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.policy import PolicyReport
    from llminfra.rules.views.terraform_view import Stack


class Format(StrEnum):
    """How the report is written."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    GITHUB = "github"


def check(
    specs: Annotated[
        list[Path] | None, typer.Argument(metavar="SPEC…", help="Spec files; --plan does without.")
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="Form of the report.")] = Format.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="File for the report; default: stdout.")] = None,
    rules_only: Annotated[bool, typer.Option("--rules-only", help="Leave checkov out.")] = False,
    rules: Annotated[
        list[Path] | None, typer.Option(help="Folder with own rules (*.py) and checkov policies.", file_okay=False)
    ] = None,
    fail_on: Annotated[FailOn, typer.Option(help="Mildest severity that fails.")] = FailOn.WARNING,
    baseline: Annotated[Path | None, typer.Option(help="File with findings that are known.", dir_okay=False)] = None,
    write_baseline: Annotated[
        Path | None, typer.Option(help="Write all open findings as a baseline, and pass.", dir_okay=False)
    ] = None,
    plan_file: Annotated[
        Path | None,
        typer.Option("--plan", help="Judge this output of `terraform show -json PLANFILE` instead.", dir_okay=False),
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option(
            "--before", metavar="OLD", help="With --plan: the spec as it is applied, which has what the plan deletes."
        ),
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Print mechanical fixes as a diff of the spec.")] = False,
) -> None:
    """Check a spec and what it becomes; exit with 1 on a finding that nobody accepted."""
    from llminfra.cli.extras import need  # heavy modules load inside the command
    from llminfra.cli.work.planned import plan_for_synthesis
    from llminfra.cli.work.scratch import synthesized

    form = Format.JSON if as_json else output
    policy = need("llminfra.policy", "check", "policy")
    try:
        if not specs and plan_file is None:
            msg = "name a spec to check, or a plan with --plan"
            raise UsageError(msg)
        if before is not None and plan_file is None:
            msg = "--before goes with --plan, whose deletions it explains; `rehearse OLD --then NEW` compares two specs"
            raise UsageError(msg)
        plans = plan_for_synthesis(specs) if specs else []
        applied = plan_for_synthesis([before]) if before is not None else []
    except SpecError as error:
        if form is Format.TABLE:
            raise
        from llminfra.policy.own_findings import report_of_failed_spec

        _write(report_of_failed_spec(error), form, out, FailOn.ERROR, error.diagnostics)
        raise typer.Exit(1) from None
    if plan_file is not None:
        report = _judged(policy, plan_file, plans, applied)
    else:
        if missing := [str(item) for item in rules or () if not item.is_dir()]:
            msg = f"there is no folder {', '.join(missing)}"
            raise UsageError(msg)
        process = None if rules_only else policy.preload()  # checkov's import takes as long as the synthesis
        try:
            with synthesized(plans, "check") as folder:
                report = policy.check(
                    plans,
                    folder,
                    use_checkov=not rules_only,
                    external_dirs=rules or (),
                    baseline=baseline,
                    checkov=process,
                )
        finally:
            if process is not None:
                process.close()
    if write_baseline is not None:
        import sys  # loaded when the command runs

        from llminfra.cli.terminal.words import count

        write_file(write_baseline, policy.dump_baseline(report))
        known = count(len(policy.baseline_of(report).findings), "finding")
        sys.stderr.write(f"{write_baseline}: {known} known from now on\n")
        return
    if fix:
        _propose(policy.propose_fixes(report, plans))
    else:
        _write(report, form, out, fail_on, [item for plan in plans for item in plan.diagnostics])
    if report.failures(fail_on.severity):
        raise typer.Exit(1)


def _judged(policy: ModuleType, plan_file: Path, plans: Sequence[Plan], applied: Sequence[Plan]) -> PolicyReport:
    """Guards on a real plan; with specs beside it, what they synthesize to says what each resource is made for."""
    there = {plan.platform.name for plan in plans}
    # A platform that goes altogether has nothing but its old spec to accept that in.
    platforms = [plan.platform for plan in (*plans, *(plan for plan in applied if plan.platform.name not in there))]
    report: PolicyReport = policy.check_plan_file(plan_file, platforms, stacks=_stacks(plans), applied=_stacks(applied))
    return report


def _stacks(plans: Sequence[Plan]) -> list[Stack]:
    from llminfra.cli.work.scratch import synthesized
    from llminfra.rules.views.terraform_view import read_synth_dir

    if not plans:
        return []
    with synthesized(plans, "check") as folder:
        return list(read_synth_dir(folder))


def _write(
    report: PolicyReport, form: Format, out: Path | None, fail_on: FailOn, diagnostics: Sequence[Diagnostic]
) -> None:
    import sys  # loaded when the command runs

    from llminfra.policy import formats

    match form:
        case Format.JSON:
            text = formats.to_json(report, fail_on.severity, diagnostics)
        case Format.SARIF:
            text = formats.to_sarif(report)
        case Format.JUNIT:
            text = formats.to_junit(report, fail_on.severity)
        case Format.GITHUB:
            text = formats.to_github(report)
        case Format.TABLE:
            from llminfra.cli.terminal.check_view import check_text, print_check  # rich only for people

            if out is None:
                print_check(report, fail_on.severity)
                return
            text = check_text(report, fail_on.severity)
    text = text if text.endswith("\n") or not text else f"{text}\n"
    if out is None:
        sys.stdout.write(text)
    else:
        from llminfra.cli.terminal.check_view import check_summary  # rich only for people

        write_file(out, text)
        sys.stderr.write(f"{out}: {check_summary(report, fail_on.severity)}\n")


def _propose(proposal: object) -> None:
    """The diff on stdout, ready for ``git apply``; what needs a person on stderr."""
    import sys  # loaded when the command runs

    from llminfra.cli.terminal.words import count
    from llminfra.policy import Proposal

    assert isinstance(proposal, Proposal)  # noqa: S101  # narrows the lazily imported type
    sys.stdout.write(proposal.diff)
    left = len(proposal.left)
    decide = f"{left} {'needs' if left == 1 else 'need'} a decision"
    sys.stderr.write(f"{count(len(proposal.fixed), 'finding')} fixed by the diff, {decide}\n")
    for item, reason in proposal.left:
        sys.stderr.write(f"  {item.rule} {item.where}: {reason}\n")
