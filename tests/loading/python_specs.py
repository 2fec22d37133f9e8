"""Python specs of tests: written, and what is found in them."""

from pathlib import Path

from llminfra.loading.load import load

MINIMAL = """
from llminfra import Platform
platform = Platform(name="one", region="us-east-1")
"""


def spec(folder: Path, text: str, name: str = "spec.py") -> Path:
    """A file with that text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def codes(path: Path) -> list[tuple[str, int | None]]:
    """What is found in it, each with its line."""
    return [(item.code, item.line) for item in load(path).diagnostics]
