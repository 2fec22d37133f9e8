"""Which field was meant by a name that an object does not have."""

from __future__ import annotations

import re
from collections.abc import Sequence as SequenceType
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel

from llminfra.spec.errors.expectations import (
    annotation_at,
    assignment,
    in_yaml,
    is_model,
    kind_of,
    literal,
    moved_into,
    options,
    without_bounds,
)
from llminfra.spec.errors.field_docs import field_docs
from llminfra.spec.errors.near_values import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


def fix_for_unknown(
    name: str,
    known: Iterable[str],
    cls: type[BaseModel] | None = None,
    data: Mapping[str, Any] | None = None,
    of: Sequence[type[BaseModel]] = (),
) -> str:
    """What to write instead of the field ``name``.

    Args:
        name: The field that there is not.
        known: Those that there are.
        cls: The type of the object, whose own fields may hold what was meant.
        data: What was given, objects or their types, which tells an engine or target from its alternatives.
        of: Types of what was given to it: the only open field that takes such objects was meant.
    """
    if cls is not None and of:
        taking = [field for field in cls.model_fields if field not in (data or {}) and _takes(cls, field, of)]
        if len(taking) == 1:
            return f"did you mean {taking[0]!r}?"
    if cls is not None and (place := _inside(name, cls, data or {})):
        return moved_into(*place)
    names = sorted(known)
    short = next((each for each in names if _abbreviates(name, each)), None)
    whole = [each for each in names if name in each.split("_")]
    # A field that another type has by just this name is no slip of one that this has.
    declared = _declaring(name, cls) if cls is not None else []
    close = short or (whole[0] if len(whole) == 1 else "" if declared else nearest(name, names))
    if cls is not None:
        close = close or _by_type(name, cls) or _described(name, cls)
    if close:
        return f"did you mean {close!r}?"
    if cls is not None and (other := _elsewhere(name, cls)):
        return f"it is a field of another type: write {other}"
    if 1 < len(declared) <= _TOLD:
        return f"it is a field of other types: write {' or '.join(declared)}"
    if cls is not None and "extra_args" in cls.model_fields and re.fullmatch(r"[a-z][a-z0-9_]*", name):
        flag = assignment("extra_args", f"[{literal(f'--{name}=…'.replace('_', '-'))}]")
        return f"if it is a flag of the engine, write {flag}; otherwise remove it"
    return f"remove it, or see `llminfra {f'explain {cls.__name__}' if cls is not None else 'schema'}`"


def where_it_belongs(cls: type[BaseModel], field: str, value: BaseModel) -> str:
    """The field that takes an object which ``field`` does not: of the same type, of a platform, or of another."""
    kind = type(value)
    if _takes(cls, field, [kind]):  # as one of several
        return ""
    root = next(each for each in reversed(cls.__mro__) if issubclass(each, BaseModel) and each is not BaseModel)
    own = [(cls, name) for name in cls.model_fields if name != field and _takes(cls, name, [kind])]
    others = [each for each in _subclasses(root) if each is not cls]
    section = getattr(kind, "spec_section", "")
    found = own or [
        (each, section) for each in others if section in each.model_fields and _takes(each, section, [kind])
    ]
    found = found or [(each, name) for each in others for name in each.model_fields if _takes(each, name, [kind])]
    if not found:
        return ""
    holder, name = found[0]
    listed = _is_list(holder, name)
    place = f"{name}=[…]" if listed else f"{name}=…"
    return f"move it to {place}" if holder is cls else f"move it to {holder.__name__}({place})"


def _by_type(name: str, cls: type[BaseModel]) -> str:
    """The only field that takes a type of that name or ``kind``: ``pool`` of an endpoint is ``on``."""
    word = name.casefold().replace("_", "").replace("-", "").removesuffix("s")
    if len(word) < _SHORTEST:
        return ""
    fields = {
        field
        for field in cls.model_fields
        for each in _types(cls, field)
        if each.__name__.casefold().endswith(word) or kind_of(each) == name.casefold().replace("_", "-")
    }
    return fields.pop() if len(fields) == 1 else ""


_SHORTEST = 3
"""Letters of a name below which it says nothing."""


def _types(cls: type[BaseModel], field: str) -> list[type[BaseModel]]:
    """The types that a field takes, alone or in a list."""
    found = [without_bounds(option) for option in options(annotation_at(cls, [field]))]
    inner = [without_bounds(each) for option in found if _listing(option) for each in options(get_args(option)[0])]
    return [each for each in (*found, *inner) if is_model(each)]


def _takes(cls: type[BaseModel], field: str, kinds: Sequence[type[BaseModel]]) -> bool:
    """Whether a field takes objects of one of the types, alone or in a list."""
    return any(kind in _types(cls, field) for kind in kinds)


def _is_list(cls: type[BaseModel], field: str) -> bool:
    return any(_listing(without_bounds(option)) for option in options(annotation_at(cls, [field])))


def _listing(annotation: Any) -> bool:
    return get_origin(annotation) in (list, tuple, SequenceType)


def _described(name: str, cls: type[BaseModel]) -> str:
    """The only field whose text has the words of the name side by side; one word alone says too little."""
    words = name.replace("-", "_").replace("_", " ").strip().casefold()
    if flagged := [
        field for field, text in field_docs(cls).items() if words in _flags(text) and field in cls.model_fields
    ]:
        return flagged[0] if len(flagged) == 1 else ""
    if " " not in words:
        return ""
    found = [field for field, text in field_docs(cls).items() if words in text.casefold() and field in cls.model_fields]
    return found[0] if len(found) == 1 else ""


def _flags(text: str) -> set[str]:
    """Flags that a text names, in words and by initials: ``tensor parallel size``, ``tensor parallel``, ``tp``."""
    found: set[str] = set()
    for flag in _FLAG.findall(text):
        words = [word for word in flag.split("-") if word not in {"enable", "size"}]
        found |= {flag.replace("-", " "), " ".join(words)}
        found |= {"".join(word[0] for word in words)} if len(words) > 1 else set()
    return found


_FLAG = re.compile(r"--([a-z][a-z-]+)")


def _elsewhere(name: str, cls: type[BaseModel]) -> str:
    """The only declared type with a field of that name, or with one that stands for the flag of that name."""
    flag = f"``--{name.strip('_-').replace('_', '-').removesuffix('-size')}"
    wanted, flags = name.casefold(), (f"{flag}``", f"{flag}-size``")
    found = set()
    for each in _others(cls):
        docs = field_docs(each)
        for field in each.model_fields:
            text = docs.get(field, "")
            if _alike(wanted, field) or any(word in text for word in flags):
                found.add(_placed(each, field))
    return found.pop() if len(found) == 1 else ""


def _declaring(name: str, cls: type[BaseModel]) -> list[str]:
    """Where types without alternatives have a field of just that name."""
    return sorted({_placed(each, name) for each in _others(cls) if name in each.model_fields})


def _others(cls: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Types that a field may belong to instead: none of alternatives, of which one was chosen already.

    Of an alternative itself, such as a way to buy instances, only what it is part of, and what stands beside it there:
    ``end`` of a block is no matter of working hours.
    """
    root = next(each for each in reversed(cls.__mro__) if issubclass(each, BaseModel) and each is not BaseModel)
    every = list(_subclasses(root))
    parts = {each: {kind for field in each.model_fields for kind in _types(each, field)} for each in every}
    holders = [each for each in every if cls in parts[each]]
    near = {*holders, *(part for each in holders for part in parts[each])}
    for each in every:
        if "kind" not in each.model_fields and ("kind" not in cls.model_fields or each in near):
            yield each


_TOLD = 3
"""Places that a fix names; of more none is likelier than another."""


def _placed(cls: type[BaseModel], field: str) -> str:
    """A field in its type; in YAML with its section, where what has it is always an item of one."""
    section = getattr(cls, "spec_section", "")
    in_section = section in {"endpoints", "pools"} and in_yaml()
    return f"{section}.*.{field}: …" if in_section else f"{cls.__name__}({field}=…)"


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
