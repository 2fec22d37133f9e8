"""Writes the Terraform of an app, and finds what CDKTF got wrong without saying so."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llminfra.bindings import core

MAY_BE_EMPTY = frozenset(
    {
        # Their presence alone says something: they have no arguments, or may have none (`filter` of a lifecycle rule).
        *("allow", "block", "captcha", "challenge", "count", "filter", "none"),
        *("method", "query_string", "simple_prefix", "uri_path"),
        # Maps.
        *("tags", "tags_all"),
    }
)
"""Names that are fine when empty, from the provider's schema 6.25.0; a test fills every argument to find them."""

_TOKEN = re.compile(r"tftoken\[", re.IGNORECASE)
_NUMBER_TOKEN = re.compile(r"\d[eE]\+?29\d")
_NUMBER_TOKEN_MIN = 1e290  # cdktf encodes number tokens as doubles around -1.8e298


class UncleanStackError(RuntimeError):
    """Synthesized Terraform holds what nobody can have meant; this is a bug in the code that built the stack.

    Attributes:
        problems: one sentence each, with the path of what is wrong.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("the synthesized Terraform is not clean:\n" + "\n".join(f"  {line}" for line in problems))
        self.problems = tuple(problems)


def open_app(outdir: Path) -> core.App:
    """An app that writes to `outdir`, whose parents are made too: CDKTF itself makes only the last folder."""
    from llminfra.bindings import core  # noqa: PLC0415 - `core.App` starts Node.js, reading this module must not

    outdir.mkdir(parents=True, exist_ok=True)
    return core.App(outdir=str(outdir))


def synthesize(app: core.App) -> list[Path]:
    """Writes the Terraform JSON of every stack of `app` and returns the paths, in the order of `manifest.json`.

    Raises:
        OSError: the folder cannot be written, for example on a full disk.
        UncleanStackError: a stack holds an empty block or an unresolved token. The files are written all the same, to
            look at; the caller must not pass them on.
    """
    folder = Path(app.outdir)
    try:
        app.synth()
    except RuntimeError as error:
        if (number := _system_error(str(error))) is not None:
            raise OSError(number, os.strerror(number), str(folder)) from None
        raise
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    paths = [folder / stack["synthesizedStackPath"] for stack in manifest["stacks"].values()]
    problems = [
        f"{path.parent.name}: {problem}"
        for path in paths
        for problem in assert_clean(json.loads(path.read_text(encoding="utf-8")))
    ]
    if problems:
        raise UncleanStackError(problems)
    return paths


def _system_error(text: str) -> int | None:
    """The number of the system's error that Node.js told by its name: ``ENOSPC: no space left on device, write``."""
    told = re.search(r"\b(ENOSPC|EDQUOT|EROFS|EACCES|EPERM|EIO): ", text)
    return int(getattr(errno, told[1])) if told else None


def assert_clean(stack_json: Mapping[str, Any], may_be_empty: AbstractSet[str] = MAY_BE_EMPTY) -> list[str]:
    """What is wrong with a synthesized stack: empty blocks and unresolved tokens; an empty list if nothing is.

    A list of dicts with snake_case keys, where CDKTF wants its struct classes, is written as a list of empty blocks
    without any error. Arithmetic on a number token, or a string method on a string token, ends up in the JSON as it is.

    Args:
        stack_json: the content of `cdk.tf.json`.
        may_be_empty: names of blocks and maps that mean something when they are empty.
    """
    problems = [f"{path}: {text!r} is an unresolved token" for path, text in _tokens(stack_json, "")]
    for kind in ("resource", "data"):
        for type_, resources in stack_json.get(kind, {}).items():
            for name, body in resources.items():
                problems += [
                    f"{path}: an empty block; was a dict with snake_case keys passed instead of a struct class?"
                    for path in _empty_blocks(body, f"{kind}.{type_}.{name}", may_be_empty)
                ]
    return problems


def _tokens(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            inner = f"{path}.{key}".lstrip(".")
            if _is_token(key):
                yield inner, key
            yield from _tokens(item, inner)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _tokens(item, f"{path}[{index}]")
    elif _is_token(value):
        yield path, str(value)


def _is_token(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_TOKEN.search(value) or _NUMBER_TOKEN.search(value))
    return isinstance(value, int | float) and abs(value) > _NUMBER_TOKEN_MIN


def _empty_blocks(body: Any, path: str, may_be_empty: AbstractSet[str]) -> Iterator[str]:
    """Paths of empty blocks below `body`; a resource that is empty as a whole is fine (`data.aws_caller_identity`)."""
    items: Iterator[tuple[str, str, Any]]
    if isinstance(body, Mapping):
        items = ((key, f"{path}.{key}", item) for key, item in body.items() if key != "//")
    elif isinstance(body, list):
        name = path.rpartition(".")[2].partition("[")[0]
        items = ((name, f"{path}[{index}]", item) for index, item in enumerate(body))
    else:
        return
    for name, inner, item in items:
        if isinstance(item, Mapping) and not item:
            if name not in may_be_empty:
                yield inner
        else:
            yield from _empty_blocks(item, inner, may_be_empty)
