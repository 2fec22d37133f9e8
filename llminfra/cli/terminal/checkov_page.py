"""What llminfra knows of one of checkov's checks: ``llminfra explain CKV_…``."""

from __future__ import annotations

from typing import Any

from llminfra.policy.checkov_facts import facts, is_checkov_code, same_as, severity_of

INDEX = "https://www.checkov.io/5.Policy%20Index/all.html"


def own_rule(code: str) -> str | None:
    """The rule of llminfra to explain instead: one that checks the same, or a text that is no code of checkov's."""
    upper = code.upper()
    return same_as(upper) if is_checkov_code(upper) else code


def checkov_page(code: str) -> dict[str, Any]:
    """The page as plain data, with the keys of a rule's page."""
    code = code.upper()
    known = facts()
    why = known.info.get(code, "")
    if not why and code in known.error:
        why = "where it fails, data, credentials or control can get into wrong hands"
    return {
        "code": code,
        "title": "a check of checkov",
        "severity": severity_of(code).value,
        "looks_at": "checkov",
        "why": why or "llminfra has no opinion of its own on it: whether it holds here is for the team to say",
        "fix": "change the spec so that it passes; or accept it where the finding stands: "
        f"Waiver(rule={code!r}, scope='…', reason='…', owner='…', expires=…)",
        "seen": [],
        "source": [INDEX],
        "since": "",
    }


def print_checkov(code: str) -> None:
    """Print the page."""
    from rich.padding import Padding  # only pages need it
    from rich.text import Text

    from llminfra.cli.terminal.findings import STYLES
    from llminfra.cli.terminal.output import print_result, stdout_console

    page, console = checkov_page(code), stdout_console()
    code = page["code"]
    print_result(Text.assemble((code, STYLES[severity_of(code)]), "  ", (page["title"], "bold")), console)
    print_result(Text(f"{page['severity']} in llminfra, where checkov itself has no severities", style="dim"), console)
    for label, text in (("Why", page["why"]), ("Fix", page["fix"]), ("Source", INDEX)):
        print_result(Text(f"\n{label}", style="bold"), console)
        print_result(Padding(Text(text), (0, 0, 0, 2)), console)
