"""Files and folders that a command was told to write: made with their parents, or refused in one line."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from llminfra.diagnostics import UsageError


def write_file(path: Path, text: str) -> None:
    """Replace a file as a whole: nobody sees half of it, and a failure leaves the old one.

    A link stays a link, and what is no file, such as a pipe, is written to as it is: ``/dev/stdout`` is a link, and
    to a regular file where output is redirected, so that neither may ever be replaced.

    Raises:
        UsageError: It cannot be written.
    """
    temporary: Path | None = None
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            with path.open("w", encoding="utf-8", newline="\n") as there:
                there.write(text)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        msg = f"cannot write {path}: {error.strerror or error}"
        raise UsageError(msg) from None


def need_folder(path: Path) -> None:
    """Make a folder for results and its parents, before the work that fills it.

    Raises:
        UsageError: It cannot be made, or it is a file.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is a file" if path.is_file() else error.strerror or error
        msg = f"cannot write to the folder {path}: {reason}"
        raise UsageError(msg) from None
