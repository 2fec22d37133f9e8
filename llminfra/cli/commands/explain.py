"""``llminfra explain``: why a rule exists, and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from llminfra.cli.options import AsJson
from llminfra.diagnostics import UsageError


def explain(
    code: Annotated[str | None, typer.Argument(metavar="RULE", help="Code of a rule, such as LLM_FIT_1.")] = None,
    everything: Annotated[bool, typer.Option("--list", help="List all rules, one a line, code first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a rule's page: what, why, fix, source."""
    from llminfra.cli.extras import need  # loaded when the command runs
    from llminfra.cli.terminal.output import write_json

    rules = need("llminfra.rules.registry", "explain").rules()
    if everything == (code is not None):
        msg = "name one rule, or pass --list"
        raise UsageError(msg)
    if everything:
        if as_json:
            from llminfra.cli.terminal.rule_page import plain_rule

            write_json([plain_rule(rule) for rule in rules])
            return
        for rule in rules:
            typer.echo(f"{rule.code:<16} {rule.severity.value:<8} {rule.title}")
        return
    from llminfra.cli.terminal.rule_page import find_rule, plain_rule, print_rule

    wanted = str(code).strip()
    if wanted.upper().startswith("CKV"):
        from llminfra.cli.terminal.checkov_page import checkov_page, own_rule, print_checkov

        if (own := own_rule(wanted)) is None:
            if as_json:
                write_json(checkov_page(wanted))
            else:
                print_checkov(wanted)
            return
        wanted = own
    rule = find_rule(wanted, rules)
    if as_json:
        write_json(plain_rule(rule))
    else:
        print_rule(rule)
