"""The two calls that people and pipelines wait for most, read without typer, whose import is a tenth of their time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

_JSON = "--json"
_OUT = ("-o", "--out")


class PlainCall(Struct, frozen=True):
    """``plan SPEC… [--json]`` or ``synth SPEC… [-o DIR] [--json]``."""

    command: str
    specs: tuple[Path, ...]
    out: Path | None
    as_json: bool


def plain_call(words: Sequence[str]) -> PlainCall | None:
    """The call, or ``None`` where typer must read it: other commands, other options, and anything unusual."""
    command, rest = (words[0], list(words[1:])) if words else ("", [])
    if command not in {"plan", "synth"}:
        return None
    specs: list[Path] = []
    out: Path | None = None
    as_json = False
    while rest:
        word = rest.pop(0)
        if word == _JSON:
            as_json = True
        elif command == "synth" and word in _OUT and rest and not rest[0].startswith("-"):
            out = Path(rest.pop(0))
        elif word.startswith("-"):
            return None
        else:
            specs.append(Path(word))
    return PlainCall(command, tuple(specs), out, as_json) if specs else None
