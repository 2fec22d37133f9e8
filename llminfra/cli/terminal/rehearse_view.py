"""What ``llminfra rehearse`` prints: steps by stack, findings in Terraform's words, and what was not proved."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from llminfra.cli.terminal.fitted import Fitted
from llminfra.cli.terminal.guard_view import danger_text
from llminfra.cli.terminal.words import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llminfra.policy.report import PolicyFinding, PolicyReport
    from llminfra.rehearsal import Change, ChangeReport, Finding, RehearsalReport, Step

_STEPS = ("init", "validate", "plan", "apply", "second plan", "destroy")
_MOST = 6
"""Attributes of a change that are shown; JSON has all."""
_ACTIONS = {"create": "green", "update": "yellow", "replace": "bold red", "delete": "red"}


def rehearsal_view(report: RehearsalReport) -> RenderableType:
    """A row per stack and a column per step."""
    resources = sum(stack.resources for stack in report.stacks)
    verdict = ("rehearsed", "bold green") if report.ok else ("failed", "bold red")
    faults = f", {count(report.faults, 'fault')} survived" if report.faults and report.ok else ""
    parts: list[RenderableType] = [
        Text.assemble(
            verdict,
            f" by {report.binary}: {count(len(report.stacks), 'stack')}, {count(resources, 'resource')}",
            f" in {report.seconds:.1f} s{faults}",
        ),
        Fitted(_steps(report, whole=whole) for whole in (True, False)),
        *_findings(report.findings),
    ]
    if report.not_proved:
        parts += [
            Text("not proved here:", style="dim"),
            *(Padding(Text(item, style="dim"), (0, 0, 0, 2)) for item in report.not_proved),
        ]
    if report.kept:
        parts.append(Text(f"kept in {report.kept}"))
    return Group(*parts)


def _steps(report: RehearsalReport, *, whole: bool) -> Table:
    """The steps of each stack, with seconds and resources, or as marks alone."""
    padding = (0, 1, 0, 0) if whole else (0, 0, 0, 0)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", padding=padding)
    table.add_column("stack", style="bold", no_wrap=True)
    if whole:
        table.add_column("resources", justify="right")
    for step in _STEPS:
        table.add_column("re-plan" if step == "second plan" else step, justify="right", no_wrap=True)
    for stack in report.stacks:
        steps: dict[str, Step] = {step.name: step for step in stack.steps}
        counted = [str(stack.resources)] if whole else []
        table.add_row(stack.name, *counted, *(_cell(steps.get(name), whole=whole) for name in _STEPS))
    return table


def change_view(report: ChangeReport, guards: PolicyReport) -> RenderableType:
    """The changes, dangerous ones with their reason and who accepts it, and the order in which stacks were changed."""
    judged = {(item.rule, item.stack, item.address): item for item in guards.findings}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for title in ("", "resource", "spec"):
        table.add_column(title, overflow="fold")
    for change in sorted(report.changes, key=lambda item: (not item.danger, item.stack, item.address)):
        text = Text(f"{change.stack}: {change.address}")
        if change.because:
            text.append(f"\nforced by {', '.join(change.because)}", "dim")
        shown = [item for item in change.what if item.partition(":")[0] not in change.because]
        if shown:
            more = [f"and {len(shown) - _MOST} more"] if len(shown) > _MOST else []
            text.append("".join(f"\n{item}" for item in (*shown[:_MOST], *more)), "dim")
        if change.danger:
            text.append("\n").append_text(danger_text(_judged(change, judged)))
        table.add_row(Text(change.action, style=_ACTIONS[change.action]), text, Text(change.spec_path, style="dim"))
    counts = Counter(change.action for change in report.changes)
    what = ", ".join(f"{number} {action}" for action, number in sorted(counts.items())) or "nothing changes"
    end = {True: "; applied, and a further plan is empty", False: "; it did not converge", None: ""}[report.converged]
    verdict = ("changed", "bold green") if report.ok else ("failed", "bold red")
    head = Text.assemble(verdict, f" by {report.binary} in {report.seconds:.1f} s: {what}{end}")
    if report.dangerous:
        head.append(f"; {count(len(report.dangerous), 'dangerous change')}", "bold red")
        accepted = len(guards.waived)
        head.append(f", {count(accepted, 'danger')} accepted" if accepted else "")
    parts: list[RenderableType] = [head]
    if report.order:
        steps = (f"{item.action} {item.stack}" for item in report.order)
        parts.append(Text(f"in this order: {', '.join(steps)}"))
    return Group(*parts, table if report.changes else Text(), *_findings(report.findings))


def _judged(change: Change, judged: Mapping[tuple[str, str, str], PolicyFinding]) -> PolicyFinding:
    """What the guards say of it; of a stack that goes as a whole there is one finding."""
    whole = change.rule, change.stack, ""
    return judged.get((change.rule, change.stack, change.address)) or judged[whole]


def _cell(step: Step | None, *, whole: bool) -> Text:
    if step is None:
        return Text("–", style="dim")
    mark, style = ("✓", "green") if step.ok else ("✗", "bold red")
    again = f" ×{step.attempts}" if step.attempts > 1 else ""
    return Text.assemble((mark, style), f" {step.seconds:.1f}{again}" if whole else "")


def _findings(findings: tuple[Finding, ...]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for item in findings:
        style = "red" if item.severity == "error" else "yellow"
        parts += [Text.assemble((f"{item.stack}, {item.step}", "bold"), "  ", (str(item), style)), Text()]
    return parts
