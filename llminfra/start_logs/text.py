"""The text of a log to an engine's lines, without colours, frames and what collectors put around them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

# CloudWatch's agent and rsyslog write the escape as #033.
_COLOUR = re.compile(r"(?:\x1b|#033)?\[[0-9;]*m")
_FRAME = re.compile(r"^\s*│\s?|\s*│\s*$")
"""Of viewers on a terminal, such as k9s."""
_INDENTED = re.compile(r".*\s{4,}(?=\S)")
_LONGEST_BLOCK = 400
"""Lines after which something that was opened is taken as cut."""
_NESTED = 3
"""Wrappers around one line: that of a runtime around that of a collector around that of the engine."""


def plain_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their number, from 1; of a message of several lines, in JSON, all have the number of the one."""
    for number, line in enumerate(text.splitlines(), 1):
        for part in _unwrapped(line).splitlines() or [""]:
            plain = _COLOUR.sub("", part) if "[" in part else part
            yield number, _FRAME.sub("", plain) if "│" in plain else plain


def joined(
    lines: Iterable[tuple[int, str]], begins: re.Pattern[str], ends: re.Pattern[str], stamp: re.Pattern[str]
) -> Iterator[tuple[int, str]]:
    """Lines with those of a block, one value on each, made one: at the number of its first.

    A block ends where ``ends`` matches, or, cut, before a line with a ``stamp``.
    """
    block: list[str] = []
    first = 0
    for number, line in lines:
        if block and (stamp.search(line) or len(block) > _LONGEST_BLOCK):
            yield first, " ".join(block)
            block = []
        if not block:
            if begins.search(line):
                block, first = [line.rstrip()], number
            else:
                yield number, line
            continue
        # What stands before the indentation was put there by docker or kubectl.
        part = _INDENTED.sub("", line.rstrip()).strip()
        block.append(part)
        if ends.search(part):
            yield first, " ".join(block)
            block = []
    if block:
        yield first, " ".join(block)


def _unwrapped(line: str) -> str:
    """The engine's line inside of what a container runtime or a collector of logs made of it."""
    for _ in range(_NESTED):
        inner = _inner(line)
        if inner is None:
            break
        line = inner
    return line


def _inner(line: str) -> str | None:
    at = line.find("{")
    if at < 0:
        return None
    try:
        data = json.loads(line[at:])
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    if (traced := _traced(data)) is not None:
        return traced
    # Before a wrapper stands nothing; JSON in a line of the engine is none.
    if line[:at].strip():
        return None
    return next((str(data[key]) for key in ("log", "message", "msg") if isinstance(data.get(key), str)), None)


def _traced(data: dict[str, Any]) -> str | None:
    """A record of Rust's tracing_subscriber as the line that it prints without JSON; None where it is none."""
    fields = data.get("fields")
    message = data.get("message", fields.get("message") if isinstance(fields, dict) else None)
    if not (isinstance(message, str) and isinstance(data.get("timestamp"), str) and isinstance(data.get("level"), str)):
        return None
    target = data.get("target")
    place = f" {data['filename']}:{data['line_number']}:" if "filename" in data and "line_number" in data else ""
    return f"{data['timestamp']} {data['level']:>5} {target}:{place} {message}" if target else None
