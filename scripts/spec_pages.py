"""Writes ``docs/spec``: the reference of everything that may be declared.

Usage: ``python scripts/spec_pages.py``. A test proves that the folder is what this script writes.
"""

from __future__ import annotations

from pathlib import Path

from llminfra.reference.markdown import reference_pages

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "spec"


def main() -> None:
    """Write the pages, and remove those of subjects that are gone."""
    wanted = reference_pages()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in FOLDER.glob("*.md"):
        if file.name not in wanted:
            file.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"{len(wanted)} pages in {FOLDER.relative_to(FOLDER.parent.parent)}")


if __name__ == "__main__":
    main()
