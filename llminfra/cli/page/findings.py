"""Policy: open findings, accepted ones with who answers for them, what was not run, and the rules themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from llminfra.cli.page.html import Element, el
from llminfra.cli.page.pieces import code, section, table
from llminfra.cli.terminal.words import count
from llminfra.rules.registry import by_code

if TYPE_CHECKING:
    from llminfra.policy.report import PolicyFinding, PolicyReport
    from llminfra.rules.rule import Rule

_URL = re.compile(r"https?://[^\s()<>\"']+[^\s()<>\"'.,;]")
_OPEN, _WAIVED = "open", "waived"


def policy_section(report: PolicyReport, findings: Sequence[PolicyFinding], anchor: str) -> Element:
    """Findings of one platform."""
    still = [item for item in findings if item.status.value == _OPEN]
    accepted = [item for item in findings if item.status.value == _WAIVED]
    runs = [f"{run.engine} {run.version}: {run.subject}" for run in report.runs]
    return section(
        f"{anchor}-policy",
        "Policy",
        el("p", f"{count(report.rules_run, 'own rule')} ran. {'. '.join(runs)}.", class_="quiet"),
        _open(still),
        *_accepted(accepted),
        *_not_run(report.not_run),
    )


def _open(findings: Sequence[PolicyFinding]) -> Element:
    if not findings:
        return el("p", "No open finding.", class_="good")
    return el("ul", (_finding(item) for item in findings), class_="findings")


def _finding(item: PolicyFinding) -> Element:
    place = item.address if item.address and item.address != item.where else ""
    return el(
        "li",
        el(
            "p",
            el("span", item.severity.value, class_=f"flag {item.severity.value}"),
            " ",
            rule_link(item.rule),
            " at ",
            code(item.where),
        ),
        el("p", item.message),
        el("p", el("span", "found "), item.found) if item.found else None,
        el("p", el("span", "expected "), item.expected) if item.expected else None,
        el("p", el("span", "fix "), item.fix) if item.fix else None,
        el("p", el("span", "resource "), code(place)) if place else None,
    )


def _accepted(findings: Sequence[PolicyFinding]) -> list[Element]:
    groups: dict[tuple[str, str, str, str, str], list[str]] = {}
    for item in findings:
        if item.accepted is None:
            continue
        given = item.accepted
        key = (item.rule, item.title, given.reason, given.owner, given.expires.isoformat())
        groups.setdefault(key, []).append(item.where)
    if not groups:
        return []
    rows = [
        (
            [rule_link(rule), el("small", title)],
            reason,
            [el("span", owner, class_="owner"), el("small", f"until {expires}")],
            el("ul", (el("li", code(place)) for place in dict.fromkeys(places)), class_="places"),
        )
        for (rule, title, reason, owner, expires), places in sorted(groups.items())
    ]
    return [
        el("h3", f"Accepted: {count(len(findings), 'finding')}"),
        table("Accepted findings", ("rule", "reason", "who answers", "where"), rows),
    ]


def _not_run(reasons: Sequence[str]) -> list[Element]:
    if not reasons:
        return []
    return [el("h3", "Not run"), el("ul", (el("li", reason) for reason in reasons), class_="notes")]


def rule_link(rule: str) -> Element:
    """A rule of llminfra's own leads to its text in the page; those of others are only named."""
    return el("a", rule, href=f"#rule-{rule}") if rule in by_code() else el("b", rule)


def rules_section(findings: Sequence[PolicyFinding]) -> Element | None:
    """What the rules of the findings say, once each."""
    known = by_code()
    named = sorted({item.rule for item in findings if item.rule in known})
    if not named:
        return None
    articles = [_rule(known[name]) for name in named]
    return section("rules", "Rules named above", articles)


def _rule(rule: Rule) -> Element:
    sources = el("ul", (el("li", _linked(source)) for source in rule.source), class_="notes") if rule.source else None
    return el(
        "article",
        el("h3", f"{rule.code}: {rule.title}"),
        el("p", rule.why),
        el("p", el("b", "Fix. "), rule.fix),
        sources,
        id=f"rule-{rule.code}",
        class_="rule",
    )


def _linked(text: str) -> Iterator[Element | str]:
    """The text with its addresses as links."""
    at = 0
    for match in _URL.finditer(text):
        yield text[at : match.start()]
        yield el("a", match.group(), href=match.group(), rel="noreferrer")
        at = match.end()
    yield text[at:]
