"""Which field was meant by a name that an object does not have."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from llminfra.spec._expectations import annotation_at, assignment, options, without_bounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def fix_for_unknown(
    name: str, known: Iterable[str], cls: type[BaseModel] | None = None, data: Mapping[str, Any] | None = None
) -> str:
    """What to write instead of the field ``name``.

    Args:
        name: The field that there is not.
        known: Those that there are.
        cls: The type of the object, whose own fields may hold what was meant.
        data: What was given, which tells an engine or target from its alternatives.
    """
    if cls is not None and (place := _inside(name, cls, data or {})):
        return f"give it to {place[0]}: {place[1]}"
    names = sorted(known)
    short = next((each for each in names if _abbreviates(name, each)), None)
    close = [short] if short else difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else "remove it, or see `llminfra schema`"


def _inside(name: str, cls: type[BaseModel], data: Mapping[str, Any]) -> tuple[str, str] | None:
    """The field whose object has ``name``, and how to write it there."""
    for field in cls.model_fields:
        found = [without_bounds(option) for option in options(annotation_at(cls, [field]))]
        holders = [each for each in found if isinstance(each, type) and issubclass(each, BaseModel)]
        having = [each for each in holders if name in each.model_fields]
        given = type(data.get(field))
        if having and (given in having or given not in holders):
            holder = given if given in having else having[0]
            return field, assignment(field, _written(holder, name))
    return None


def _written(holder: type[BaseModel], name: str) -> str:
    inner = assignment(name, "…")
    return f"{{{inner}}}" if ": " in inner else f"{holder.__name__}({inner})"


def _abbreviates(name: str, field: str) -> bool:
    """``ttft_ms`` for ``time_to_first_token_ms``: the initials of some words, then the rest as it is."""
    initials, *rest = name.split("_")
    words = field.split("_")
    spelled = words[: len(words) - len(rest)]
    return len(initials) > 1 and words[len(spelled) :] == rest and initials == "".join(word[:1] for word in spelled)
