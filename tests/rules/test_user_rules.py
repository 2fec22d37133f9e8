"""Rules of an application: found in a folder, run beside ours, refused with the line where they are wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from llminfra.diagnostics import UsageError
from llminfra.rules import run_plan
from llminfra.rules.user import load_rules
from tests.rules.platforms import prod_plan

GOOD = """
from llminfra.rules import Hit, rule


@rule(
    code="ACME_TAG_1",
    title="Every platform names its cost centre",
    severity="error",
    looks_at="plan",
    why="Finance allocates GPU cost by this tag.",
    fix="add cost-centre to Platform(tags=…)",
)
def cost_centre(plan):
    if "cost-centre" not in plan.platform.tags:
        yield Hit(path="tags", message="no cost centre", found=", ".join(plan.platform.tags))
"""


def test_rules_are_found_and_run(tmp_path: Path) -> None:
    (tmp_path / "tags.py").write_text(GOOD, encoding="utf-8")
    (tmp_path / "_helpers.py").write_text("raise RuntimeError", encoding="utf-8")
    before = set(sys.modules)
    found = load_rules([tmp_path])
    assert [item.code for item in found] == ["ACME_TAG_1"]
    assert set(sys.modules) == before
    (finding,) = run_plan(prod_plan(), found)
    assert finding.code == "ACME_TAG_1"
    assert finding.fix == "add cost-centre to Platform(tags=…)"
    assert finding.file is not None


def test_the_example_of_the_documentation_works(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
    block = next(part for part in text.split("```python\n")[1:] if "@rule(" in part).partition("```")[0]
    (tmp_path / "example.py").write_text(block, encoding="utf-8")
    (item,) = load_rules([tmp_path])
    assert run_plan(prod_plan(), [item])


def test_checkovs_folders_are_left_to_checkov(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "check.py").write_text("raise RuntimeError", encoding="utf-8")
    assert load_rules([tmp_path]) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_of_this_name", "bad.py:1: ModuleNotFoundError"),
        ("x = 1\n\nraise ValueError('no')", "bad.py:3: ValueError: no"),
        ("def broken(:\n", "bad.py:1: SyntaxError"),
        (GOOD.replace("ACME_TAG_1", "LLM_NET_1"), "use a prefix of your own"),
        (GOOD.replace("ACME_TAG_1", "CKV_AWS_1"), "use a prefix of your own"),
        (GOOD.replace("ACME_TAG_1", "acme"), "upper-case"),
        (GOOD + GOOD.replace("cost_centre", "again"), "used twice"),
        (GOOD.replace('"plan"', '"moon"'), "moon"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.py").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        load_rules([tmp_path])


def test_a_missing_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        load_rules([tmp_path / "gone"])
