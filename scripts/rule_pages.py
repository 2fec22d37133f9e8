"""Writes ``docs/rules``: a page for each rule of the registry, and the table of all.

Usage: ``python scripts/rule_pages.py``. A test proves that the folder is what this script writes.
"""

from __future__ import annotations

from pathlib import Path

from page_folder import write_pages

from llminfra.rules.pages import index, page
from llminfra.rules.registry import rules

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "rules"


def pages() -> dict[str, str]:
    """Text of every file by its name."""
    return {"README.md": index(), **{f"{rule.code}.md": page(rule) for rule in rules()}}


if __name__ == "__main__":
    write_pages(FOLDER, pages())
