"""The registry: complete, consistent, and the only place where codes live."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import llminfra
from llminfra.diagnostics import Severity, UsageError
from llminfra.rules import LooksAt, Rule, by_code, rule, rules
from llminfra.rules.pages import area, index, page
from tests.rules.platforms import ROOT

PACKAGE = Path(llminfra.__file__).parent
CODE = re.compile(r"^LLM_[A-Z]+_\d+$")
# Names of the calls that make a finding, and the severity that the name states.
STATED = {"error": Severity.ERROR, "warning": Severity.WARNING}


@cache
def emitted() -> list[tuple[Path, int, str, Severity | None]]:
    """Every code in the sources, and the severity of the call it stands in, where the call states one."""
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        severities: dict[int, Severity | None] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                codes = [item for item in ast.walk(node) if isinstance(item, ast.Constant)]
                for item in codes:
                    if isinstance(item.value, str) and CODE.match(item.value):
                        severities.setdefault(id(item), None)
                        if (stated := _severity(node)) is not None and _is_own(node, item):
                            severities[id(item)] = stated
        found += [
            (file, node.lineno, node.value, severities.get(id(node)))
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.match(node.value)
        ]
    return found


def _is_own(call: ast.Call, code: ast.Constant) -> bool:
    return code in call.args or any(keyword.value is code for keyword in call.keywords)


def _severity(call: ast.Call) -> Severity | None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    for keyword in call.keywords:
        if keyword.arg == "severity" and isinstance(keyword.value, ast.Attribute):
            return Severity[keyword.value.attr] if keyword.value.attr in Severity.__members__ else None
    return STATED.get(name)


def test_every_code_in_the_sources_is_registered() -> None:
    missing = {
        f"{file.relative_to(PACKAGE)}:{line} {code}" for file, line, code, _ in emitted() if code not in by_code()
    }
    assert missing == set()


def test_severities_in_the_sources_are_those_of_the_registry() -> None:
    wrong = {
        f"{file.relative_to(PACKAGE)}:{line} {code} is {stated.value}"
        for file, line, code, stated in emitted()
        if stated is not None and code in by_code() and by_code()[code].severity is not stated
    }
    assert wrong == set()


def test_the_scan_sees_codes_and_severities() -> None:
    seen = emitted()
    assert {code for _, _, code, _ in seen} >= {item.code for item in rules()}
    assert {stated for _, _, _, stated in seen} >= {Severity.ERROR, Severity.WARNING}


def test_codes_are_unique_and_there_are_enough() -> None:
    counted = Counter(item.code for item in rules())
    assert [code for code, times in counted.items() if times > 1] == []
    assert sum(1 for item in rules() if item.check is not None) >= 60


@pytest.mark.parametrize("item", rules(), ids=lambda item: item.code)
def test_every_rule_explains_itself(item: Rule) -> None:
    assert CODE.match(item.code)
    assert 10 <= len(item.title) <= 110
    assert not item.title.endswith(".")
    assert len(item.why) >= 20
    assert item.why.endswith((".", "!"))
    assert len(item.fix) >= 8
    assert item.source
    assert all(len(text) > 5 for text in item.source)
    assert re.fullmatch(r"\d+\.\d+\.\d+", item.since)


@pytest.mark.parametrize("item", rules(), ids=lambda item: item.code)
def test_pages_in_docs_are_the_registry(item: Rule) -> None:
    written = (ROOT / "docs" / "rules" / f"{item.code}.md").read_text(encoding="utf-8")
    assert written == page(item), "run: python scripts/rule_pages.py"


def test_docs_have_a_table_and_nothing_else() -> None:
    folder = ROOT / "docs" / "rules"
    assert (folder / "README.md").read_text(encoding="utf-8") == index(), "run: python scripts/rule_pages.py"
    assert {file.stem for file in folder.glob("*.md")} == {"README", *(item.code for item in rules())}


def test_every_area_has_a_name() -> None:
    assert [item.code for item in rules() if area(item).isupper()] == []


def test_rules_with_a_check_look_at_something_that_is_there() -> None:
    assert {item.looks_at for item in rules() if item.check is not None} == {
        LooksAt.PLAN,
        LooksAt.TERRAFORM,
        LooksAt.KUBERNETES,
    }


@pytest.mark.parametrize(
    ("field", "value"), [("code", "acme-1"), ("code", "ACME_NET"), ("title", " "), ("why", ""), ("fix", "")]
)
def test_a_rule_that_cannot_be_explained_is_refused(field: str, value: str) -> None:
    fields: dict[str, str] = {"code": "ACME_NET_1", "title": "t", "why": "w", "fix": "f", field: value}
    with pytest.raises(UsageError):
        rule(severity="error", looks_at="plan", **fields)(lambda _plan: ())  # type: ignore[call-overload]  # wrong on purpose
