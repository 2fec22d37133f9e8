"""Rule pages hold the words that a user would search for: those of engines, Kubernetes and AWS."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

import llminfra
from llminfra.cli.main import main
from llminfra.planning.memory.budget import messages
from llminfra.planning.memory.releases.engine_profile import vllm_profile
from llminfra.rules import by_code, rules
from llminfra.rules.pages import page
from llminfra.rules.seen import memory_words, words
from tests.rules.platforms import ROOT

PACKAGE = Path(llminfra.__file__).parent
SHAPES_AND_MEMORY = [rule.code for rule in rules() if rule.code.startswith(("LLM_MEM_", "LLM_SHAPE_"))]


@pytest.mark.parametrize("code", [*SHAPES_AND_MEMORY, "LLM_FIT_1", "LLM_FIT_2", "LLM_FIT_9", "LLM_FIT_12"])
def test_rules_about_memory_and_shapes_say_what_would_be_seen(code: str) -> None:
    rule = by_code()[code]
    assert rule.seen
    assert "## What you would see" in page(rule)
    assert all(text in page(rule) for text in rule.seen)
    assert rule.seen[0] in (ROOT / "docs" / "rules" / f"{code}.md").read_text(encoding="utf-8"), "scripts/rule_pages.py"


@pytest.mark.parametrize("release", [(0, 5, 0), (0, 8, 5), (0, 10, 2), (0, 11, 0), (0, 11, 1), (0, 28, 0), (0, 33, 0)])
def test_the_wordings_of_all_releases_are_there(release: tuple[int, ...]) -> None:
    profile = vllm_profile(release)
    known = memory_words()
    assert messages.no_blocks(profile) in known["LLM_MEM_2"]
    said = re.sub(r"\d+(\.\d+)?(?=[ )/]|\.( |$))", "…", messages.too_long(profile, 4096, 1.25, 0.5, 2048, 1640))
    assert said in known["LLM_MEM_3"]
    assert not any(re.search(r"\d\.\d\d", text) for texts in known.values() for text in texts), "no numbers are left"


def test_explain_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "LLM_FIT_9"]) == 0
    text = capsys.readouterr().out
    assert "What you would see" in text
    assert "No available memory for the cache blocks" in text
    assert "larger than the maximum number of tokens that can be stored in KV cache" in text, "of V0, as released"
    assert main(["explain", "LLM_SHAPE_1", "--json"]) == 0
    assert "must be divisible by tensor parallel size" in capsys.readouterr().out


def test_no_words_are_kept_for_rules_that_are_gone() -> None:
    data = json.loads((PACKAGE / "rules" / "data" / "seen.json").read_text(encoding="utf-8"))
    assert {code for code in data if not code.startswith("_")} <= set(by_code())
    assert words("LLM_NONE_1") == ()


def _plain(node: ast.expr) -> str | None:
    """The text of a constant or an f-string, with a gap for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(item.value) if isinstance(item, ast.Constant) else "…" for item in node.values)
    return None


def findings_with_words() -> list[tuple[str, str]]:
    """Code and words of every finding that is made with both in one call."""
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            code = call.args[0].value if isinstance(call.args[0], ast.Constant) else None
            said = next((_plain(item.value) for item in call.keywords if item.arg == "runtime_message"), None)
            if isinstance(code, str) and code.startswith("LLM_") and said:
                found.append((code, said))
    return found


def test_what_a_finding_says_would_be_seen_is_on_its_rules_page() -> None:
    found = findings_with_words()
    assert len(found) > 20
    missing = [
        (code, said)
        for code, said in found
        if not any(said[:40].split("…")[0] in text for text in by_code()[code].seen)
    ]
    assert missing == []
