"""What ``llminfra check`` prints for people: findings by the object they are about, and what was not run."""

from __future__ import annotations

import io
import re
from dataclasses import replace

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from llminfra.cli.terminal.findings import STYLES
from llminfra.cli.terminal.output import print_result, stdout_console
from llminfra.cli.terminal.words import count
from llminfra.diagnostics import Severity
from llminfra.policy.formats import to_table
from llminfra.policy.report import PolicyFinding, PolicyReport, Status

_FILE_WIDTH = 100
_PLACES = 6
_ACCEPT = re.compile(r"(?:;|, or) accept it: ")


def print_check(report: PolicyReport, fail_on: Severity | None) -> None:
    """Print the report on stdout."""
    print_result(_view(report, fail_on), stdout_console())


def check_text(report: PolicyReport, fail_on: Severity | None) -> str:
    """The report as plain text."""
    console = Console(file=io.StringIO(), width=_FILE_WIDTH, color_system=None)
    with console.capture() as capture:
        console.print(_view(report, fail_on))
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def check_summary(report: PolicyReport, fail_on: Severity | None) -> str:
    """The last line of the report: whether it passed, and how many findings there are."""
    return _summary(report, fail_on).plain


def _view(report: PolicyReport, fail_on: Severity | None) -> RenderableType:
    parts: list[RenderableType] = []
    remarks = [] if fail_on is Severity.INFO else [item for item in report.findings if _is_remark(item)]
    told = replace(report, findings=tuple(item for item in report.findings if item not in remarks))
    for group in to_table(told):
        where = f"  {group.file}:{group.line}" if group.file and group.line else ""
        name = f"{group.platform}: {group.title}" if group.platform else group.title
        parts.append(Text.assemble((name, "bold"), (where, "dim")))
        table = Table.grid(padding=(0, 1, 0, 2), expand=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        for item, times in zip(group.findings, group.times, strict=True):
            table.add_row(_label(item), _body(item, times))
        parts += [table, Text()]
    parts += _remarks(remarks)
    parts += [Text(f"not run: {item}", style="yellow") for item in report.not_run]
    parts += [
        Text(f"{run.engine} {run.version}: {run.subject} ({run.seconds:.1f} s)", style="dim") for run in report.runs
    ]
    return Group(*parts, _summary(report, fail_on))


def _is_remark(item: PolicyFinding) -> bool:
    return item.engine == "checkov" and item.severity is Severity.INFO and item.status is Status.OPEN


def _remarks(found: list[PolicyFinding]) -> list[RenderableType]:
    """What checkov finds that fails nothing, a row for each check: most are about every endpoint alike."""
    by_rule: dict[tuple[str, str], list[PolicyFinding]] = {}
    for item in found:
        by_rule.setdefault((item.rule, item.message), []).append(item)
    if not by_rule:
        return []
    table = Table.grid(padding=(0, 1, 0, 2), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for items in by_rule.values():
        text = Text(items[0].message)
        if len(items) > 1:
            text.append(f"  ({len(items)} times)", "dim")
        places = tuple(dict.fromkeys(item.spec_path or item.address or item.stack for item in items))
        more = f" and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
        text.append(f"\nat {', '.join(places[:_PLACES])}{more}", "dim")
        for fix in dict.fromkeys(_ACCEPT.split(item.fix)[0] for item in items if item.fix):
            text.append(f"\nfix: {fix}", "green")
        table.add_row(_label(items[0]), text)
    title = Text.assemble(
        ("remarks", "bold"), ("  of checkov; a Waiver accepts one, --format json has every place", "dim")
    )
    return [title, table, Text()]


def _label(item: PolicyFinding) -> Text:
    if item.status is not Status.OPEN:
        return Text(f"{item.status.value} {item.rule}", style="dim")
    return Text(f"{item.severity.value} {item.rule}", style=STYLES[item.severity])


def _body(item: PolicyFinding, times: int) -> Text:
    if item.status is not Status.OPEN:
        why = f"waived by {item.accepted.owner} until {item.accepted.expires}" if item.accepted else "in the baseline"
        return Text(f"{item.title}: {why}", style="dim")
    text = Text(item.message)
    if times > 1:
        text.append(f"  ({times} times)", "dim")
    if item.found:
        text.append(f"\nfound {item.found}" + (f"; expected {item.expected}" if item.expected else ""), "dim")
    if item.address:
        text.append(f"\n{item.address}", "dim")
    if item.fix:
        text.append(f"\nfix: {item.fix}", "green")
    return text


def _summary(report: PolicyReport, fail_on: Severity | None) -> Text:
    counts = report.counts()
    parts = [
        count(counts[name], name) if name != "info" else f"{counts[name]} info" for name in ("error", "warning", "info")
    ]
    parts += [
        f"{counts[name]} {label}" for name, label in (("waived", "waived"), ("baseline", "known")) if counts[name]
    ]
    failed = report.failures(fail_on)
    verdict, style = ("failed", "bold red") if failed else ("passed", "bold green")
    return Text.assemble((verdict, style), f": {', '.join(parts)}; {count(report.rules_run, 'rule')} of llminfra ran")
