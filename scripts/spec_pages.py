"""Writes ``docs/spec``: the reference of everything that may be declared.

Usage: ``python scripts/spec_pages.py``. A test proves that the folder is what this script writes.
"""

from __future__ import annotations

from pathlib import Path

from page_folder import write_pages

from llminfra.reference.markdown import reference_pages

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "spec"


if __name__ == "__main__":
    write_pages(FOLDER, reference_pages())
