"""Printing diagnostics for people: all of them, on stderr, wrapped on a terminal and one fact a line in a pipe."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from llminfra.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console, RenderableType

_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)
STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold blue"}


def print_findings(diagnostics: Sequence[Diagnostic]) -> None:
    """Print findings and a summary on stderr: as the spec is read, and errors last, where a terminal shows them."""
    ordered = sorted(diagnostics, key=lambda item: (-_ORDER.index(item.severity), item.file or "", item.line or 0))
    if sys.stderr.isatty():
        from llminfra.cli.terminal.output import stderr_console  # rich is for terminals

        console = stderr_console()
        for item, more in alike(ordered):
            console.print(finding_view(item))
            if more:
                console.print(f"  {more}", style="dim")
            console.print()
        console.print(summary(diagnostics), style="bold")
        return
    for item, more in alike(ordered):
        told = f"{item}\n  {more}" if more else str(item)
        sys.stderr.write(f"{told}\n\n")
    sys.stderr.write(f"{summary(diagnostics)}\n")


def alike(findings: Iterable[Diagnostic]) -> list[tuple[Diagnostic, str]]:
    """Findings without those that a loop of the spec makes again and again at one line, and how many those are.

    A few are told one by one; the paths of all are in JSON.
    """
    groups: dict[tuple[object, ...], list[Diagnostic]] = {}
    for item in findings:
        same = (item.severity, item.code, item.file, item.line, item.found, item.expected, item.fix)
        groups.setdefault(same if item.line else (id(item),), []).append(item)
    told: list[tuple[Diagnostic, str]] = []
    for group in groups.values():
        if len(group) <= _FEW:
            told += [(item, "") for item in group]
        else:
            last = f", the last at {group[-1].path}" if group[-1].path != group[0].path else ""
            told.append((group[0], f"and {len(group) - 1} more like it at this line{last}"))
    return told


_FEW = 3


def print_finding(console: Console, item: Diagnostic) -> None:
    """Print one finding in full."""
    console.print(finding_view(item))
    console.print()


def finding_view(item: Diagnostic) -> RenderableType:
    """One finding in full; what is folded stays in its column."""
    from rich.console import Group  # rich is for terminals
    from rich.table import Table
    from rich.text import Text

    text = Text.assemble(
        (f"{item.severity.value} {item.code}", STYLES[item.severity]), "  ", (item.path or "the spec", "bold")
    )
    if item.file:
        text.append(f"  {item.file}:{item.line}" if item.line else f"  {item.file}", "dim")
    head = Table.grid()
    head.add_column(overflow="fold")
    head.add_row(text)
    grid = Table.grid(padding=(0, 1, 0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    rows: list[tuple[str, RenderableType]] = [("", Text(item.message))]
    for label, said, style in (
        ("found", item.found, ""),
        ("expected", item.expected, ""),
        ("fix", item.fix, "green"),
        ("otherwise", f"you would see: {item.runtime_message}" if item.runtime_message else "", "dim"),
    ):
        if said:
            rows.append((label, Text(said, style)))
    for row in rows:
        grid.add_row(*row)
    return Group(head, grid)


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """How many of what, and where to read more."""
    counts = Counter(item.severity for item in diagnostics)
    parts = [f"{counts[each]} {each.value}{'' if counts[each] == 1 else 's'}" for each in _ORDER if counts[each]]
    first = next((item.code for item in diagnostics if item.severity is Severity.ERROR), None)
    more = f"; `llminfra explain {first}` says why" if first else ""
    return f"{', '.join(parts) or 'nothing found'}{more}"
