"""Which field was meant by a name that an object does not have."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from llminfra.spec.errors.expectations import annotation_at, moved_into, options, without_bounds
from llminfra.spec.errors.field_docs import field_docs
from llminfra.spec.errors.near_values import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def fix_for_unknown(
    name: str, known: Iterable[str], cls: type[BaseModel] | None = None, data: Mapping[str, Any] | None = None
) -> str:
    """What to write instead of the field ``name``.

    Args:
        name: The field that there is not.
        known: Those that there are.
        cls: The type of the object, whose own fields may hold what was meant.
        data: What was given, objects or their types, which tells an engine or target from its alternatives.
    """
    if cls is not None and (place := _inside(name, cls, data or {})):
        return moved_into(*place)
    names = sorted(known)
    short = next((each for each in names if _abbreviates(name, each)), None)
    if close := short or nearest(name, names):
        return f"did you mean {close!r}?"
    if cls is not None and (other := _elsewhere(name, cls)):
        return f"it is a field of another type: write {other}"
    return f"remove it, or see `llminfra {f'explain {cls.__name__}' if cls is not None else 'schema'}`"


def _elsewhere(name: str, cls: type[BaseModel]) -> str:
    """The only declared type with a field of that name, or with one that stands for the flag of that name."""
    root = next(each for each in reversed(cls.__mro__) if issubclass(each, BaseModel) and each is not BaseModel)
    flag = f"``--{name.strip('_-').replace('_', '-').removesuffix('-size')}"
    wanted, flags = name.casefold(), (f"{flag}``", f"{flag}-size``")
    found = set()
    for each in _subclasses(root):
        if "kind" in each.model_fields:  # an alternative was chosen already
            continue
        docs = field_docs(each)
        for field in each.model_fields:
            text = docs.get(field, "")
            if _alike(wanted, field) or any(word in text for word in flags):
                found.add(f"{each.__name__}({field}=…)")
    return found.pop() if len(found) == 1 else ""


_ALIKE = 0.85


def _alike(name: str, field: str) -> bool:
    """Whether nearly all letters are the same, in the same order; what cannot be by its length is not looked at."""
    if 2 * min(len(name), len(field)) <= _ALIKE * (len(name) + len(field)):
        return False
    matcher = SequenceMatcher(None, name, field)
    return matcher.quick_ratio() > _ALIKE and matcher.ratio() > _ALIKE


def _subclasses(cls: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in cls.__subclasses__():
        yield each
        yield from _subclasses(each)


def _inside(name: str, cls: type[BaseModel], data: Mapping[str, Any]) -> tuple[str, type[BaseModel], str] | None:
    """The field whose object has what was meant, the type of the object, and what it is called there."""
    for field in cls.model_fields if name != "kind" else ():
        found = [without_bounds(option) for option in options(annotation_at(cls, [field]))]
        holders = [each for each in found if isinstance(each, type) and issubclass(each, BaseModel)]
        having = {each: meant for each in holders if (meant := _meant(name, each))}
        value = data.get(field)
        given = value if isinstance(value, type) else type(value)
        if having and (given in having or given not in holders):
            holder = given if given in having else next(iter(having))
            return field, holder, having[holder]
    return None


def _meant(name: str, holder: type[BaseModel]) -> str:
    """The field of that name or abbreviation."""
    return name if name in holder.model_fields else next((f for f in holder.model_fields if _abbreviates(name, f)), "")


def _abbreviates(name: str, field: str) -> bool:
    """``ttft_ms`` for ``time_to_first_token_ms``: the initials of some words, then the rest as it is."""
    initials, *rest = name.split("_")
    words = field.split("_")
    spelled = words[: len(words) - len(rest)]
    return len(initials) > 1 and words[len(spelled) :] == rest and initials == "".join(word[:1] for word in spelled)
