"""From the line where an object was declared to the line of the argument that a finding is about."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

from llminfra.policy.yaml_fixes import key_line

_LARGEST_BYTES = 2_000_000


def argument_line(file: str, line: int, path: str) -> int:
    """Line of the innermost argument of a spec path in the object at ``line``; the line itself where there is none.

    Only the calls (in YAML the mappings) that start on the line are searched, so the result is never in another object.
    """
    if file.endswith((".yaml", ".yml", ".json")):
        return key_line(_text(file), line, path)
    calls = _calls(file).get(line)
    if not calls:
        return line
    names = [part.partition("[")[0] for part in path.split(".")]
    for name in reversed(names):
        for call in calls:
            for keyword in call.keywords:
                if keyword.arg == name:
                    return keyword.value.lineno if keyword.lineno is None else keyword.lineno
    return line


@lru_cache(maxsize=32)
def _parsed(file: str, stamp: tuple[int, int]) -> dict[int, list[ast.Call]]:  # noqa: ARG001  # the key of the cache
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError, UnicodeDecodeError):
        return {}
    found: dict[int, list[ast.Call]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found.setdefault(node.lineno, []).append(node)
    return found


def _text(file: str) -> str:
    """The file's text; empty where it cannot be read or is far too large for a spec."""
    try:
        return "" if Path(file).stat().st_size > _LARGEST_BYTES else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _calls(file: str) -> dict[int, list[ast.Call]]:
    if not file.endswith(".py"):
        return {}
    try:
        status = Path(file).stat()
    except OSError:
        return {}
    if status.st_size > _LARGEST_BYTES:
        return {}
    return _parsed(file, (status.st_mtime_ns, status.st_size))
