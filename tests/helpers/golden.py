"""Golden files: what came out last time. ``LLMINFRA_REGENERATE=1`` writes them anew, except in CI."""

from __future__ import annotations

import os
from pathlib import Path


def assert_golden(path: Path, text: str) -> None:
    """The text is what the file holds."""
    in_ci = os.environ.get("CI", "").lower() in {"1", "true"}
    if os.environ.get("LLMINFRA_REGENERATE") == "1" and not in_ci:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"{path.name} is missing: run the test with LLMINFRA_REGENERATE=1"
    assert text == path.read_text(encoding="utf-8"), f"{path.name} differs: review, then LLMINFRA_REGENERATE=1"
