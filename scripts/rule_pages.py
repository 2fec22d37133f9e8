"""Writes ``docs/rules``: a page for each rule of the registry, and the table of all.

Usage: ``python scripts/rule_pages.py``. A test proves that the folder is what this script writes.
"""

from __future__ import annotations

from pathlib import Path

from llminfra.rules.pages import index, page
from llminfra.rules.registry import rules

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "rules"


def pages() -> dict[str, str]:
    """Text of every file by its name."""
    return {"README.md": index(), **{f"{rule.code}.md": page(rule) for rule in rules()}}


def main() -> None:
    """Write the pages, and remove those of rules that are gone."""
    wanted = pages()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in FOLDER.glob("*.md"):
        if file.name not in wanted:
            file.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"{len(wanted)} pages in {FOLDER.relative_to(FOLDER.parent.parent)}")


if __name__ == "__main__":
    main()
