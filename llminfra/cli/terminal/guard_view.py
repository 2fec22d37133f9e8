"""What the guards say of a change: what was accepted, and how to accept the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from llminfra.cli.terminal.words import count
from llminfra.diagnostics import Severity

if TYPE_CHECKING:
    from rich.console import Console

    from llminfra.policy.report import PolicyFinding, PolicyReport


def print_guards(report: PolicyReport, fail_on: Severity | None, console: Console, *, yaml: bool) -> None:
    """Print why a change fails and what lets it pass; nothing where nothing stands against it.

    Args:
        report: Judged changes.
        fail_on: Mildest severity that fails.
        console: Where to.
        yaml: Whether waivers are written in YAML; in Python else.
    """
    failed = report.failures(fail_on)
    if not failed:
        return
    codes = ", ".join(sorted({item.rule for item in failed}))
    wanted = list(dict.fromkeys((item.rule, _scope(item)) for item in failed))
    opening, indent, closing = ("waivers:", "  - ", "") if yaml else ("waivers=[", "    ", "]")
    lines = [opening, *(f"{indent}{_waiver(*item, yaml=yaml)}" for item in wanted), closing]
    console.print(Text(f"failed: {count(len(failed), 'danger')} that nobody accepted ({codes})", "bold red"))
    console.print(Text("`llminfra explain CODE` says more. Where one is meant, the new spec accepts it until a day:"))
    for line in lines:
        if line:
            console.print(Text(f"  {line}", "green"), soft_wrap=True)  # to be pasted


def danger_text(judged: PolicyFinding) -> Text:
    """A danger with its guard, and who accepted it until when."""
    text = Text(f"{judged.rule}: {judged.message}", "bold red" if judged.severity is not Severity.INFO else "yellow")
    if judged.accepted is None:
        return text
    accepted = judged.accepted
    text.stylize("not bold yellow")
    text.append(f"\naccepted by {accepted.owner} until {accepted.expires.isoformat()}: {accepted.reason}", "yellow")
    return text


def _scope(item: PolicyFinding) -> str:
    return item.spec_path or item.address or f"{item.stack}/*"


def _waiver(rule: str, scope: str, *, yaml: bool) -> str:
    if yaml:
        return f'{{rule: {rule}, scope: "{scope}", reason: …, owner: …, expires: YYYY-MM-DD}}'
    return f'Waiver(rule="{rule}", scope="{scope}", reason="…", owner="…", expires=dt.date(…)),'
