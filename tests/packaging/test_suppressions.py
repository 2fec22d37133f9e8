"""Whoever silences a checker says why, beside the line."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
BARE = re.compile(r"# (noqa(: [A-Z0-9, ]+)?|type: ignore(\[[^\]]*\])?|pragma: no cover)\s*$")


def test_every_suppression_has_its_reason() -> None:
    bare = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for folder in ("llminfra", "scripts", "benchmarks", "tests", "stacks", "examples")
        for file in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if BARE.search(line)
    ]
    assert bare == []
