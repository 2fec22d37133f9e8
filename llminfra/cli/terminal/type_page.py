"""A declared type, or one field of it, as a page on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from llminfra.cli.terminal.field_page import field_facts, print_rules
from llminfra.cli.terminal.output import print_result, stdout_console
from llminfra.cli.terminal.words import without_marks

if TYPE_CHECKING:
    from llminfra.reference.types import FieldPage, TypePage
    from llminfra.rules.rule import Rule


def find_page(name: str, pages: Sequence[TypePage]) -> tuple[TypePage, FieldPage | None] | None:
    """The type of a name or a ``kind``, with the field that ``VLLM.version`` names; ``None``: there is none."""
    wanted, _, field = name.partition(".")
    plain = wanted.replace("_", "").lower()
    named = (each for each in pages if plain == each.name.lower() or each.yaml.endswith(f"`kind: {wanted.lower()}`"))
    page = next(named, None)
    if page is None or not field:
        return (page, None) if page else None
    found = next((each for each in page.fields if each.name == field.lower()), None)
    return (page, found) if found else None


def plain_type(page: TypePage, field: FieldPage | None, rules: Sequence[Rule] = ()) -> dict[str, Any]:
    """A type or a field as plain data; ``rules`` are those about the field."""
    if field is not None:
        return {"type": page.name, **asdict(field), "rules": [rule.code for rule in rules]}
    fields = [asdict(each) for each in page.fields]
    told = {key: value for key, value in asdict(page).items() if key not in {"module", "fields"}}
    return {**told, "text": list(page.text), "used_in": list(page.used_in), "fields": fields}


def print_type(page: TypePage, field: FieldPage | None, rules: Sequence[Rule] = ()) -> None:
    """Print what a type is and what its fields take; or all of one field, with the rules about it."""
    from rich.padding import Padding  # only pages need it
    from rich.text import Text

    console = stdout_console()
    if field is not None:
        console.print(Text.assemble((f"{page.name}.{field.name}", "bold cyan"), "  ", (field.takes, "bold")))
        for line in filter(None, [without_marks(field.meaning), *field_facts(field)]):
            print_result(Padding(Text(line), (0, 0, 0, 2)), console)
        print_rules(console, rules)
        return
    console.print(Text.assemble((page.name, "bold cyan"), "  ", (without_marks(page.summary), "bold")))
    for paragraph in page.text:
        print_result(Padding(Text(without_marks(paragraph)), (0, 0, 0, 2)), console)
    places = [f"in YAML {page.yaml.replace('`', '')}"] if page.yaml else []
    places += [f"used in {', '.join(page.used_in)}"] if page.used_in else []
    if places:
        print_result(Padding(Text("; ".join(places), style="dim"), (0, 0, 0, 2)), console)
    for each in page.fields:
        console.print()
        default = each.default if each.default == "required" else f"default {each.default}"
        print_result(Text.assemble((each.name, "bold"), "  ", each.takes, "; ", (default, "dim")), console)
        if each.meaning:
            print_result(Padding(Text(without_marks(each.meaning)), (0, 0, 0, 2)), console)
