"""Every rule on Terraform: the production stacks pass, and breaking them in its way fires it and nothing else."""

from __future__ import annotations

import pytest

from llminfra.rules import LooksAt, rules, run_terraform
from tests.rules.platforms import Documents, deep_copy
from tests.rules.terraform_mutants import MUTANTS, sec_2, sec_3, srv_7, view


def fired(documents: Documents) -> set[str]:
    """Codes of all findings."""
    return {item.diagnostic.code for item in run_terraform(view(documents))}


def test_production_passes_every_rule(documents: Documents) -> None:
    assert fired(documents) == set()


@pytest.mark.parametrize("code", MUTANTS)
def test_exactly_this_rule_kills_its_mutant(documents: Documents, code: str) -> None:
    broken = deep_copy(documents)
    MUTANTS[code](broken)
    assert broken != documents
    assert fired(broken) == {code}


def test_every_rule_on_terraform_has_a_mutant() -> None:
    codes = {item.code for item in rules() if item.looks_at is LooksAt.TERRAFORM and item.check is not None}
    assert codes == set(MUTANTS)


@pytest.mark.parametrize("code", MUTANTS)
def test_a_finding_says_where_and_what(documents: Documents, code: str) -> None:
    broken = deep_copy(documents)
    MUTANTS[code](broken)
    for item in run_terraform(view(broken)):
        assert item.diagnostic.message
        assert item.diagnostic.found
        assert item.diagnostic.expected
        assert item.diagnostic.fix
        if item.address:
            kind, _, name = item.address.removeprefix("data.").partition(".")
            mode = "data" if item.address.startswith("data.") else "resource"
            assert name in broken[item.stack.rpartition("-")[2]][mode][kind]


def test_findings_never_show_the_secret(documents: Documents) -> None:
    broken = deep_copy(documents)
    for mutate in (sec_2, sec_3, srv_7):
        mutate(broken)
    text = " ".join(str(item.diagnostic) for item in run_terraform(view(broken)))
    assert "abcdEFGH" not in text
    assert "battery" not in text
    assert "hunter2" not in text
