"""A new application repository: a spec, its tests, and a pipeline that needs no credentials to check it."""

from __future__ import annotations

import re
from pathlib import Path

from llminfra import __version__
from llminfra.assets import files_of, modules_dir
from llminfra.diagnostics import UsageError
from llminfra.spec._base import NAME_PATTERN

# Names that a wheel cannot carry under a leading dot without surprises.
_DOTTED = {"gitignore": ".gitignore", "github": ".github"}
_LONGEST_NAME = 24


def write_starter(folder: Path, name: str | None = None) -> tuple[Path, ...]:
    """Write the files of a new repository and return their paths.

    Args:
        folder: New folder, or one in which none of these files is.
        name: Name of the platform; ``None``: the folder's.

    Raises:
        UsageError: The folder has files that would be overwritten, the folder cannot be written, or the name
            cannot be part of AWS names.
    """
    name = name or folder.resolve().name
    if not re.fullmatch(NAME_PATTERN, name) or len(name) > _LONGEST_NAME:
        msg = (
            f"{name!r} cannot be the name of a platform: use at most {_LONGEST_NAME} lower-case letters, digits and "
            "hyphens, starting with a letter (llminfra init DIR --name NAME)"
        )
        raise UsageError(msg)
    source = modules_dir() / "starter"
    texts = {
        folder / _target(item.relative_to(source)): _filled(item.read_text(encoding="utf-8"), name)
        for item in files_of(source)
    }
    if present := [str(path) for path in texts if path.exists()]:
        msg = f"these files are already there and nothing was written: {', '.join(present)}"
        raise UsageError(msg)
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write to the folder {folder}: {error.strerror or error}"
        raise UsageError(msg) from None
    return tuple(texts)


def _target(relative: Path) -> Path:
    first, *rest = relative.parts
    return Path(_DOTTED.get(first, first), *rest)


def _filled(text: str, name: str) -> str:
    return text.replace("@name@", name).replace("@version@", __version__)
