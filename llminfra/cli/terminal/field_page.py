"""A field of a spec by its path, as a page: what it means, what stands there, and which rules are about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import asdict

from llminfra.cli.terminal.output import print_result, stdout_console
from llminfra.cli.terminal.words import without_marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from llminfra.diagnostics import Diagnostic
    from llminfra.reference.types import FieldPage, TypePage
    from llminfra.rules.rule import Rule

GIVEN, DEFAULT, REFUSED = "given", "default", "refused"


class Stands(Struct, frozen=True, kw_only=True):
    """What stands in the field in one platform.

    Attributes:
        platform: Its name.
        field: The field, of an entry one of several.
        value: As Python writes it.
        source: ``given``, ``default`` or ``refused``: then the value is only a stand-in.
        file: Where it was given, or its object.
        line: The line there.
        planned: What the plan made of it; empty: the plan has no such value, or there is no plan.
        why: Why the plan has that.
    """

    platform: str
    field: str
    value: str
    source: str
    file: str | None = None
    line: int | None = None
    planned: str = ""
    why: str = ""


class PathPage(Struct, frozen=True, kw_only=True):
    """All about a path.

    Attributes:
        path: The path.
        fields: The fields it may be, each with its type.
        entries: Where it leads to an entry of a list, the types of the entry.
        rules: Rules about the fields.
        stands: What stands there, where a spec was given.
        found: Findings of the spec at the path or below it.
        unplanned: Errors that keep the spec from being planned.
    """

    path: str
    fields: tuple[tuple[TypePage, FieldPage], ...]
    entries: tuple[TypePage, ...]
    rules: tuple[Rule, ...]
    stands: tuple[Stands, ...]
    found: tuple[Diagnostic, ...]
    unplanned: int


def plain_path(page: PathPage) -> dict[str, Any]:
    """The page as plain data."""
    return {
        "path": page.path,
        "fields": [{"type": owner.name, **asdict(field)} for owner, field in page.fields],
        "entry_types": [entry.name for entry in page.entries],
        "rules": [{"code": rule.code, "severity": rule.severity.value, "title": rule.title} for rule in page.rules],
        "values": [asdict(each) for each in page.stands],
        "diagnostics": [item.to_dict() for item in page.found],
    }


def print_path(page: PathPage) -> None:
    """Print the page."""
    from rich.text import Text  # only pages need it

    console = stdout_console()
    for owners, field in _alike(page.fields):
        names = ", ".join(f"{owner}.{field.name}" for owner in owners)
        console.print(Text.assemble((page.path, "bold cyan"), "  ", (field.takes, "bold")))
        _lines(console, [without_marks(field.meaning), names])
        _lines(console, field_facts(field))
    if not page.fields:
        console.print(Text(page.path, style="bold cyan"))
    for entry in page.entries:
        _lines(console, [f"{page.path} is {entry.name}: {without_marks(entry.summary)}"])
    if page.stands:
        _print_stands(console, page)
    print_rules(console, page.rules)
    if page.found:
        from llminfra.cli.terminal.findings import print_finding

        console.print()
        console.print(Text("Findings there", style="bold"))
        for item in page.found:
            if console.is_terminal:
                print_finding(console, item)
            else:
                console.file.write(f"{item}\n\n")


def field_facts(field: FieldPage) -> list[str]:
    """Unit, default and the words of YAML, where they say something."""
    told = [f"unit: {field.unit}"] if field.unit else []
    told.append("required: there is no default" if field.default == "required" else f"default: {field.default}")
    return [*told, f"in YAML: {field.takes_in_yaml}"] if field.takes_in_yaml != field.takes else told


def print_rules(console: Console, rules: Sequence[Rule]) -> None:
    """Print which rules there are, one a line."""
    from rich.text import Text  # only pages need it

    if not rules:
        return
    console.print()
    console.print(Text.assemble(("Rules about it", "bold"), "; `llminfra explain CODE` prints one"))
    for rule in rules:
        console.print(Text(f"  {rule.code:<12} {rule.severity.value:<8} {rule.title}"), soft_wrap=True)  # a line each


def _print_stands(console: Console, page: PathPage) -> None:
    from rich.text import Text  # only pages need it

    several = len({each.platform for each in page.stands}) > 1
    console.print()
    if not page.entries:
        for each in page.stands:
            place = f"{each.file}:{each.line}" if each.file and each.line else each.file or "the spec"
            where = {GIVEN: f"given at {place}", DEFAULT: f"the default; nothing is given at {place}"}
            told = f"refused at {place}, see the findings" if each.source == REFUSED else where[each.source]
            head = f"Value in {each.platform}" if several else "Value"
            text = "not known" if each.source == REFUSED else each.value
            console.print(Text.assemble((head, "bold"), f"  {text}, {told}"), soft_wrap=True)  # places stay whole
            _lines(console, _planned(each))
    else:
        width = max(len(each.field) for each in page.stands)
        for each in page.stands:
            value = "not known" if each.source == REFUSED else each.value
            planned = f"; planned: {each.planned}" if _is_other(each) else ""
            print_result(Text(f"  {each.field:<{width}}  {each.source:<8} {value}{planned}"), console)
    if page.unplanned:
        errors = "1 error stops" if page.unplanned == 1 else f"{page.unplanned} errors stop"
        _lines(console, [f"{errors} the plan, so that nothing is planned; `llminfra plan` prints them"])


def _planned(each: Stands) -> list[str]:
    return [f"planned: {each.planned}{f': {each.why}' if each.why else ''}"] if _is_other(each) else []


def _is_other(each: Stands) -> bool:
    """Whether the plan says something that the spec does not."""
    return bool(each.planned) and (bool(each.why) or _bare(each.planned) != _bare(each.value))


def _bare(text: str) -> str:
    """A value without marks of a language: ``(0, 2)`` and ``0…2`` are the same."""
    return text.replace(", ", "…").replace(",", "").strip("[]()").replace("'", "")


def _alike(fields: Sequence[tuple[TypePage, FieldPage]]) -> list[tuple[list[str], FieldPage]]:
    """Fields of several types that say the same, told once."""
    found: dict[FieldPage, list[str]] = {}
    for owner, field in fields:
        found.setdefault(field, []).append(owner.name)
    return [(owners, field) for field, owners in found.items()]


def _lines(console: Console, lines: Sequence[str]) -> None:
    from rich.padding import Padding  # only pages need it
    from rich.text import Text

    for line in filter(None, lines):
        print_result(Padding(Text(line), (0, 0, 0, 2)), console)
