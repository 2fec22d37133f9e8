"""``llminfra explain``: why a rule exists, what a declared type or a path of a spec means, what an alert asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from llminfra.cli.options import AsJson
from llminfra.diagnostics import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.rules.rule import Rule


def explain(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="RULE|TYPE|PATH|ALERT|ERROR",
            help="Code of a rule, such as LLM_FIT_1; what is declared: VLLM, GpuPool.capacity; a path as findings "
            "print it: endpoints.chat.engine; an alert: GpuHot; or what an engine, AWS or Kubernetes said.",
        ),
    ] = None,
    specs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="SPEC…", help="With a PATH: spec files; what stands there, and what the plan made of it."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--list", help="List all rules, one a line, code first.")] = False,
    types: Annotated[bool, typer.Option("--types", help="List all types that may be declared.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a rule's page (what, why, fix, source), that of a type, field or path of a spec, or an alert's runbook.

    An error in quotes, as an engine, AWS or Kubernetes printed it, whole or in part, finds the rule that knows it.
    """
    if [everything, types, name is not None].count(True) != 1:
        msg = "name one rule, type, path, alert or error, or pass --list or --types"
        raise UsageError(msg)
    if everything:
        _list_rules(as_json=as_json)
    elif types:
        _list_types(as_json=as_json)
    elif specs:
        if _rule_of(str(name)) is not None:
            msg = f"{name} is a rule, whose page needs no spec; `llminfra check {specs[0]}` tells where it is broken"
            raise UsageError(msg)
        _path(str(name).strip(), specs, as_json=as_json)
    elif (wanted := str(name).strip()).upper().startswith("CKV"):
        _checkov(wanted, as_json=as_json)
    elif _type(wanted, as_json=as_json):
        return
    elif _is_path(wanted):
        _path(wanted, (), as_json=as_json)
    else:
        _rule(wanted, as_json=as_json)


def _is_path(wanted: str) -> bool:
    """Whether it starts as paths do: with a field of a platform, or where YAML has a section of its own."""
    from llminfra.diagnostics import path_parts  # loaded when the command runs
    from llminfra.spec.platform import Platform

    parts = path_parts(wanted)
    return bool(parts) and parts[0] in {*Platform.model_fields, Platform.spec_section, "models"}


def _path(wanted: str, specs: Sequence[Path], *, as_json: bool) -> None:
    """Print a path of a spec.

    Raises:
        UsageError: It leads nowhere, or a file is missing.
        SpecError: A file declares nothing.
    """
    from llminfra.cli.terminal.failures import json_failures
    from llminfra.cli.terminal.field_page import plain_path, print_path
    from llminfra.cli.terminal.output import write_json
    from llminfra.cli.work.explain_path import explain_path

    with json_failures(as_json):
        page = explain_path(wanted, specs)
    if as_json:
        write_json(plain_path(page))
    else:
        print_path(page)


def _rules() -> Sequence[Rule]:
    from llminfra.cli.extras import need  # loaded when the command runs

    found: Sequence[Rule] = need("llminfra.rules.registry", "explain").rules()
    return found


def _rule_of(code: str) -> Rule | None:
    from llminfra.cli.terminal.rule_page import find_rule  # loaded when the command runs

    return find_rule(code.strip(), _rules()) if code.strip().upper().startswith("LLM") else None


def _list_rules(*, as_json: bool) -> None:
    from llminfra.cli.terminal.output import write_json
    from llminfra.cli.terminal.rule_page import plain_rule

    if as_json:
        write_json([plain_rule(rule) for rule in _rules()])
        return
    for rule in _rules():
        typer.echo(f"{rule.code:<16} {rule.severity.value:<8} {rule.title}")


def _list_types(*, as_json: bool) -> None:
    from llminfra.cli.terminal.output import write_json
    from llminfra.cli.terminal.type_page import plain_type
    from llminfra.reference.types import type_pages

    if as_json:
        write_json([plain_type(page, None) for page in type_pages()])
        return
    for page in type_pages():
        typer.echo(f"{page.name:<22} {page.summary.replace('``', '')}")


def _checkov(wanted: str, *, as_json: bool) -> None:
    from llminfra.cli.terminal.checkov_page import checkov_page, own_rule, print_checkov
    from llminfra.cli.terminal.output import write_json

    if (own := own_rule(wanted)) is not None:
        _rule(own, as_json=as_json)
    elif as_json:
        write_json(checkov_page(wanted))
    else:
        print_checkov(wanted)


def _type(wanted: str, *, as_json: bool) -> bool:
    """Print a type or field, if it is one."""
    from llminfra.cli.terminal.output import write_json
    from llminfra.cli.terminal.type_page import find_page, plain_type, print_type
    from llminfra.reference.types import type_pages

    found = find_page(wanted, type_pages())
    if found is None:
        return False
    page, field = found
    rules: Sequence[Rule] = ()
    if field is not None:
        from llminfra.cli.work.field_rules import rules_about

        rules = rules_about(page.name, field.name)
    if as_json:
        write_json(plain_type(page, field, rules))
    else:
        print_type(page, field, rules)
    return True


def _rule(wanted: str, *, as_json: bool) -> None:
    from llminfra.cli.terminal.output import write_json
    from llminfra.cli.terminal.rule_page import find_rule, plain_rule, print_rule
    from llminfra.rules.recognize import search

    named = find_rule(wanted, _rules())
    if named is None and _runbook(wanted, as_json=as_json):
        return
    # What is no name may be what a program said.
    found = search(wanted, _rules()) if named is None else (named,)
    if not found:
        _unknown(wanted)
    rule, *also = found
    if as_json:
        write_json(plain_rule(rule) | ({"also": [each.code for each in also]} if also else {}))
        return
    print_rule(rule)
    for each in also:
        typer.echo(f"\nthe same words: {each.code}, {each.title}")


def _runbook(wanted: str, *, as_json: bool) -> bool:
    """Print the runbook of an alert, if it is one."""
    from llminfra.cli.terminal.output import write_json
    from llminfra.cli.terminal.runbook_page import find_runbook, on_terminal

    found = find_runbook(wanted)
    if found is None:
        return False
    if as_json:
        write_json({"alert": found[0], "runbook": found[1]})
    else:
        typer.echo(on_terminal(found[1]), nl=False)
    return True


def _unknown(wanted: str) -> NoReturn:
    """Neither a rule nor a type, a path or an alert: name what is near.

    Raises:
        UsageError: Always.
    """
    from difflib import get_close_matches

    from llminfra.cli.terminal.runbook_page import alerts
    from llminfra.reference.types import type_pages

    pages = type_pages()
    owner, _, field = wanted.partition(".")
    page = next((each for each in pages if each.name.lower() == owner.lower()), None)
    if page is None or "." in field:
        from llminfra.reference.paths import near_paths

        if paths := near_paths(wanted):
            msg = f"no path of a spec is {wanted!r}; did you mean {' or '.join(paths)}?"
            raise UsageError(msg)
    if page is not None:
        near = get_close_matches(field.lower(), [each.name for each in page.fields], n=3, cutoff=0.5)
        names = [f"{page.name}.{each}" for each in near]
        hint = f"did you mean {' or '.join(names)}?" if names else f"`llminfra explain {page.name}` has all fields"
        msg = f"{page.name} has no field {field!r}; {hint}"
        raise UsageError(msg)
    names = [*(rule.code for rule in _rules()), *(each.name for each in pages), *alerts()]
    known = {each.lower(): each for each in names}
    close = [known[each] for each in get_close_matches(wanted.lower().replace("-", "_"), list(known), n=3)]
    hint = f"did you mean {' or '.join(close)}?" if close else "`llminfra explain --list` and `--types` have all"
    what = "alert, and no rule knows the error," if " " in wanted else "alert"
    msg = f"there is no rule, type, path or {what} {wanted!r}; {hint}"
    raise UsageError(msg)
