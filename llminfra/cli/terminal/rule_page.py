"""A rule as a page on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from llminfra.cli.terminal.findings import STYLES
from llminfra.cli.terminal.output import print_result, stdout_console
from llminfra.rules.pages import fix_in_yaml

if TYPE_CHECKING:
    from llminfra.rules.rule import Rule


def find_rule(code: str, rules: Sequence[Rule]) -> Rule | None:
    """The rule with a code, in any case and with hyphens or underscores."""
    wanted = code.upper().replace("-", "_")
    return next((rule for rule in rules if rule.code == wanted), None)


def plain_rule(rule: Rule) -> dict[str, Any]:
    """A rule as plain data."""
    return {
        "code": rule.code,
        "title": rule.title,
        "severity": rule.severity.value,
        "looks_at": str(rule.looks_at.value),
        "why": rule.why,
        "fix": rule.fix,
        "fix_in_yaml": fix_in_yaml(rule) or rule.fix,
        "seen": list(rule.seen),
        "source": list(rule.source),
        "since": rule.since,
    }


def print_rule(rule: Rule) -> None:
    """Print what, why, fix, what would be seen, and source."""
    from rich.padding import Padding  # only pages need it
    from rich.text import Text

    console = stdout_console()
    console.print(Text.assemble((rule.code, STYLES[rule.severity]), "  ", (rule.title, "bold")))
    console.print(
        Text(f"{rule.severity.value}; looks at: {rule.looks_at.value}; since llminfra {rule.since}", style="dim")
    )
    texts = [("Why", rule.why), ("Fix", rule.fix)]
    if yaml := fix_in_yaml(rule):
        texts.append(("Fix in YAML", yaml))
    for label, text in texts:
        console.print()
        console.print(Text(label, style="bold"))
        print_result(Padding(Text(" ".join(text.split())), (0, 0, 0, 2)), console)
    if rule.seen:
        console.print()
        console.print(Text("What you would see", style="bold"))
        for text in rule.seen:
            console.print(Text(f"  {text}"), soft_wrap=True)  # whole, as the program prints it
    if rule.source:
        console.print()
        console.print(Text("Source", style="bold"))
        for source in rule.source:
            console.print(Text(f"  {source}", style="dim"), soft_wrap=True)  # addresses stay whole
