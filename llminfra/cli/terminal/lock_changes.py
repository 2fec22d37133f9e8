"""What changed in locks of images, as lines for people and as data for pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.planning.images.locks import LockChange

_WIDTH = 12
_DIGITS = len("sha256:") + 12


def lock_changes_json(changes: Sequence[LockChange]) -> dict[str, Any]:
    """``ok`` is whether every lock holds what is run, as the registries have it."""
    return {
        "ok": all(item.holds for item in changes),
        "locks": [
            {
                "file": str(item.lock.file),
                "images": len(item.digests),
                "new": dict(item.new),
                "moved": {image: {"from": old, "to": new} for image, (old, new) in item.moved.items()},
                "unused": list(item.lock.unused),
            }
            for item in changes
        ],
    }


def print_lock_changes(changes: Sequence[LockChange], *, written: bool) -> None:
    """A line for each file, and one for each image that it had otherwise or not."""
    for change in changes:
        lock = change.lock
        gone = "removed" if written else "unused"
        counts = ((len(change.new), "new"), (len(change.moved), "moved"), (len(lock.unused), gone))
        told = ", ".join(f"{number} {word}" for number, word in counts if number) or "nothing changed"
        typer.echo(f"{_shown(lock.file)}: {len(change.digests)} images, {told}")
        for image, digest in change.new.items():
            typer.echo(f"{'new':<{_WIDTH}}{image}  {_short(digest)}")
        for image, (old, new) in change.moved.items():
            typer.echo(f"{'moved':<{_WIDTH}}{image}  {_short(old)} → {_short(new)}")
        for image in lock.unused:
            typer.echo(f"{gone:<{_WIDTH}}{image}")
    if not written and any(item.new for item in changes):
        typer.echo("images that are new have no digest yet: `llminfra images SPEC --lock` asks for it")
    if not written and any(item.moved for item in changes):
        typer.echo("tags that moved: the locked digests are still what is pulled; `--lock` takes the new ones")


def _short(digest: str) -> str:
    return f"{digest[:_DIGITS]}…"


def _shown(file: Path) -> str:
    try:
        return file.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(file)
