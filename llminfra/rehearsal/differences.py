"""What of a resource an update changes: paths of attributes, into the JSON that some of them hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_LONGEST = 60
"""Characters of a value that is shown; longer ones are named by their path alone."""
_ABSENT = object()


def differences(before: Mapping[str, Any], after: Mapping[str, Any], hidden: object) -> tuple[str, ...]:
    """``version: 1.34 → 1.35``, ``values.args: + --enable-lora``, or the path alone where values are long.

    Args:
        before: Attributes in the state.
        after: Attributes that the plan sets. What is only known after the apply is not among them.
        hidden: Terraform's marks of what is sensitive; such values are never shown.
    """
    found: list[str] = []
    for name in sorted(before.keys() & after.keys()):
        if before[name] == after[name]:
            continue
        marked = isinstance(hidden, Mapping) and _any(hidden.get(name))
        found += [name] if marked else _within(name, before[name], after[name])
    return tuple(found)


def _any(mark: object) -> bool:
    """Whether a mark, or one inside it, is set."""
    inside = mark.values() if isinstance(mark, Mapping) else mark if isinstance(mark, list) else None
    return bool(mark) if inside is None else any(_any(item) for item in inside)


def _within(path: str, before: object, after: object) -> Iterator[str]:
    before, after = _read(before), _read(after)
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}, key=str):
            yield from _within(f"{path}.{key}", before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(path, before, after)
    else:
        old, new = _shown(before), _shown(after)
        yield f"{path}: {old} → {new}" if old and new else path


def _of_lists(path: str, before: list[Any], after: list[Any]) -> Iterator[str]:
    if len(before) == len(after) == 1:
        yield from _within(path, before[0], after[0])
        return
    if len(before) == len(after) and not all(isinstance(item, str) for item in (*before, *after)):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _within(f"{path}[{place}]", old, new)
        return
    gone, come = [item for item in before if item not in after], [item for item in after if item not in before]
    marked = [*(("-", item) for item in gone), *(("+", item) for item in come)]
    shown = [f"{sign} {text}" for sign, item in marked if (text := _shown(item))]
    more = [f"{len(marked) - len(shown)} longer"] if len(marked) > len(shown) and shown else []
    yield f"{path}: {', '.join([*shown, *more])}" if shown else path


def _read(value: object) -> object:
    """The object in a JSON text, such as the values of a release, a policy or a contract."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _shown(value: object) -> str:
    if value is _ABSENT or value is None:
        return "nothing"
    if isinstance(value, (dict, list)):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST and text.isprintable() else ""
