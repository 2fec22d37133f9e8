"""Values that Python prints: ``{'tensor_parallel_size': 2, 'config': Some(x=1)}``, cut where a log cut them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

_OPEN, _CLOSE = "([{<", ")]}>"
_CALL = re.compile(r"[A-Za-z_][\w.]*\(")
_KEY = re.compile(r"\s*(?:'([^']*)'|\"([^\"]*)\"|([A-Za-z_]\w*))\s*[:=]\s*")


def arguments(text: str) -> dict[str, Any]:
    """Names and values of what is inside of brackets, or of what is not in any.

    A value that is no literal is a mapping where it is a call with named arguments (``Config(a=1)``), and else its
    text. What stands behind the closing bracket, and a pair that the end of the line cut, are left out.
    """
    inner = text.strip()
    if inner[:1] in ("{", "("):
        inner = inner[1:]
    found: dict[str, Any] = {}
    for part, whole in parts(inner):
        key = _KEY.match(part)
        if key is None or not whole:
            continue
        found[next(name for name in key.groups() if name is not None)] = _value(part[key.end() :].strip())
    return found


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    if _CALL.match(text) and text.endswith(")"):
        return arguments(text[text.index("(") :]) or text
    return text


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """What commas part on this level, and whether each ends by a comma or a bracket."""
    depth, quote, begin, escaped = 0, "", 0, False
    for at, sign in enumerate(text):
        if escaped:
            escaped = False
        elif quote:
            escaped = sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in _OPEN:
            depth += 1
        elif sign in _CLOSE:
            depth -= 1
            if depth < 0:
                yield text[begin:at], True
                return
        elif sign == "," and depth == 0:
            yield text[begin:at], True
            begin = at + 1
    # Without brackets around it, the last pair ends with the line.
    yield text[begin:], depth == 0 and not quote
