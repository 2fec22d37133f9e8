"""File names as reports show them: relative to the working directory, with forward slashes."""

from __future__ import annotations

from pathlib import Path


def shown(file: str | None, root: Path | None = None) -> str | None:
    """The path relative to ``root`` (the working directory) where it lies below it, and as it is otherwise."""
    if not file:
        return None
    path = Path(file)
    if not path.is_absolute():
        return path.as_posix()
    try:
        return path.relative_to((root or Path.cwd()).resolve()).as_posix()
    except ValueError:
        return path.as_posix()
