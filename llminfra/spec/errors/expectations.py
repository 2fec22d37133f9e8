"""What a field takes, in words, and how to write it: in Python, or in YAML."""

from __future__ import annotations

import datetime as dt
import types
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from llminfra.spec.errors.field_docs import field_example

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = "llminfra_refused"
_BOUNDS = ((Ge, "ge", "at least"), (Gt, "gt", "more than"), (Le, "le", "at most"), (Lt, "lt", "less than"))
_yaml: ContextVar[bool] = ContextVar("llminfra_spec_yaml", default=False)


@contextmanager
def written_as_yaml() -> Iterator[None]:
    """Word the findings of objects built in the block for a YAML spec."""
    token = _yaml.set(True)
    try:
        yield
    finally:
        _yaml.reset(token)


def refused(message: str, *fields: str, expected: str, fix: str, code: str = "") -> PydanticCustomError:
    """The error of a validator that knows what would work.

    Args:
        message: What is wrong.
        fields: Of a check of the whole object: the fields that contradict one another, whose values are shown.
        expected: What would be right.
        fix: What to change.
        code: Code of its rule; empty: that of all wrong values.
    """
    told = {"text": message, "fields": fields, "expected": expected, "fix": fix, "code": code}
    return PydanticCustomError(REFUSED, "{text}", told)


def in_yaml() -> bool:
    """Whether findings are worded for a YAML spec."""
    return _yaml.get()


def assignment(field: str, value: str) -> str:
    """How a field is given a value."""
    return f"{field}: {value}" if _yaml.get() else f"{field}={value}"


def missing(cls: type[BaseModel], field: str) -> str:
    """That a field is not there; YAML has no names of types."""
    return f"the field {field!r} is missing" if _yaml.get() else f"{cls.__name__} needs the field {field!r}"


def moved_into(field: str, holder: type[BaseModel], name: str) -> str:
    """How a field is written in the object that has it."""
    if _yaml.get():
        kind = kind_of(holder)
        return f"move it into {field}: {{{f'kind: {kind}, ' if kind else ''}{name}: …}}"
    return f"give it to {field}: {field}={holder.__name__}({name}=…)"


def secret_reference() -> str:
    """How a secret is named."""
    return "{name: …}" if _yaml.get() else 'Secret(name="…")'


def literal(value: object) -> str:
    """A value as the user writes it."""
    if _yaml.get():
        if isinstance(value, bool):
            return str(value).lower()
        if value is None:
            return "null"
        if isinstance(value, tuple | list):
            return f"[{', '.join(literal(each) for each in value)}]"
        return str(value)
    return repr(value)


def as_written(value: object) -> str:
    """What was given, with texts in quotes."""
    if not _yaml.get():
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(as_written(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {as_written(each)}' for key, each in value.items())}}}"
    return "nothing" if value is None else literal(value) if isinstance(value, bool) else repr(value)


def quoted(text: str) -> str:
    """A text as the user writes it."""
    return text if _yaml.get() else f'"{text}"'


def annotation_at(cls: type[BaseModel], loc: Sequence[int | str]) -> Any:
    """The annotation of a field, or of the entry of it that an error is about."""
    info = cls.model_fields.get(str(loc[0])) if loc else None
    if info is None:
        return None
    found: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    for part in loc[1:]:
        inner = [each for option in options(found) for each in _entries(option, part)]
        if inner:
            found = inner[0]
    return found


def options(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of an annotation, flat, each with its bounds; ``None`` left out."""
    bare, metadata = split(annotation)
    if get_origin(bare) in (Union, types.UnionType):
        return tuple(option for part in get_args(bare) for option in options(part))
    return () if bare is type(None) else (Annotated[(bare, *metadata)] if metadata else bare,)


def noun(annotation: Any) -> str:
    """What a field takes: ``a whole number of at least 1, or Autoscaling(…)``."""
    words = list(dict.fromkeys(noun_of(option) for option in options(annotation)))
    return enumerated(words)


def holds_objects(annotation: Any) -> bool:
    """Whether every alternative is a declared type."""
    return all(is_model(without_bounds(option)) for option in options(annotation))


def enumerated(words: Sequence[str]) -> str:
    """Words with commas and one ``or``."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def has_keys(cls: type[BaseModel], field: str) -> bool:
    """Whether a field is a mapping with keys of the user's choice."""
    info = cls.model_fields.get(field)
    return info is not None and any(get_origin(split(each)[0]) in (dict, Mapping) for each in options(info.annotation))


def sketch(annotation: Any) -> str:
    """What stands in a field that has no example: of an object what it must have, else a gap."""
    specs = [each for option in options(annotation) if is_model(each := split(option)[0])]
    written = noun_of(specs[0]).partition(" or ")[0] if specs else ""
    return written if written and " " not in written.partition("{")[0] else "…"


def example_of(cls: type[BaseModel], field: str) -> str:
    """The example that the text under a field gives, as the user would write it; empty: there is none."""
    example = field_example(cls, field)
    info = cls.model_fields.get(field)
    if not example or info is None:
        return ""
    kinds = [split(option)[0] for option in options(info.annotation)]
    if example[0] not in "([" and any(_is_list_of_text(kind) for kind in kinds):
        return f"[{quoted(example)}]"
    if _yaml.get():
        return f"[{example[1:-1]}]" if example.startswith("(") else example
    return f'"{example}"' if str in kinds else example


def _is_list_of_text(bare: Any) -> bool:
    inner = get_args(bare)
    return get_origin(bare) in (list, Sequence) and split(inner[0])[0] is str


def _entries(option: Any, part: int | str) -> Iterator[Any]:
    bare = split(option)[0]
    origin, inner = get_origin(bare), get_args(bare)
    if isinstance(part, int) and origin in (list, Sequence):
        yield inner[0]
    elif isinstance(part, int) and origin is tuple:
        yield inner[min(part, len(inner) - 1)]
    elif isinstance(part, str) and origin in (dict, Mapping):
        yield inner[1]


def split(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """An annotation without what narrows it, and that."""
    metadata: tuple[Any, ...] = ()
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata = (*more, *metadata)
    flat = [each for item in metadata for each in (item.metadata if isinstance(item, FieldInfo) else (item,))]
    return annotation, tuple(flat)


def without_bounds(annotation: Any) -> Any:
    """An annotation without what narrows it."""
    return split(annotation)[0]


_LONG = 1_000_000
"""From here on nobody counts the zeros of a number."""


def figure(value: float) -> str:
    """A bound as it is read: ``0.5``, ``16384``, ``2,000,000,000``."""
    return f"{value:,.0f}" if abs(value) >= _LONG else f"{value:g}"


def noun_of(option: Any) -> str:
    """What one alternative takes."""
    bare, metadata = split(option)
    yaml = _yaml.get()
    origin, inner = get_origin(bare), get_args(bare)
    if bare in (int, float):
        limits = [f"{words} {figure(getattr(item, name))}" for item in metadata for cls, name, words in _BOUNDS
                  if isinstance(item, cls)]  # fmt: skip
        return ("a whole number" if bare is int else "a number") + (f" of {' and '.join(limits)}" if limits else "")
    if bare is bool:
        return "true or false" if yaml else "True or False"
    if bare is str:
        return "text"
    if bare is dt.date:
        return "a date, such as 2027-06-30"
    if origin is Literal:
        return enumerated([literal(each) for each in inner])
    if origin is tuple:
        count = {2: "two", 3: "three"}.get(len(inner), str(len(inner)))
        return f"a pair of {_plural(noun(inner[0]))}" if len(inner) == 2 else f"{count} of {noun(inner[0])}"
    if origin in (list, Sequence):
        return f"a list of {_plural(noun(inner[0]))}"
    if origin in (dict, Mapping):
        return f"a {'mapping' if yaml else 'dictionary'} of text to {noun(inner[1])}"
    if is_model(bare):
        return _model(bare) if yaml else f"{bare.__name__}(…)"
    return getattr(bare, "__name__", str(bare))


def _model(cls: type[BaseModel]) -> str:
    kind, section = kind_of(cls), getattr(cls, "spec_section", "")
    if kind and section != "storage":
        return f"{{kind: {kind}, …}}"
    if section == "models":  # the only items that may also stand where they are used
        return f"{_fields_of(cls)} or the name of an item of `{section}`"
    return f"the name of an item of `{section}`" if section in SECTIONS else _fields_of(cls)


def _fields_of(cls: type[BaseModel]) -> str:
    """A mapping by the fields that it must have; else by the first that it may have."""
    needed = [f"{name}: …" for name, info in cls.model_fields.items() if info.is_required()]
    names = list(cls.model_fields)
    more = ", …" if len(names) > _FIELDS_TOLD else ""
    return f"{{{', '.join(needed)}}}" if needed else f"a mapping with {', '.join(names[:_FIELDS_TOLD])}{more}"


_FIELDS_TOLD = 4


SECTIONS = frozenset({"pools", "storage", "models", "endpoints", "gateways", "async_endpoints", "batches"})


def _plural(words: str) -> str:
    found = words.replace("a whole number", "whole numbers", 1).replace("a number", "numbers", 1)
    return found if words == "text" else found.partition(" of ")[0] if found.startswith(("whole", "numbers")) else found


def is_model(value: Any) -> bool:
    """Whether an annotation is a declared type."""
    return isinstance(value, type) and issubclass(value, BaseModel)


def kind_of(cls: type[BaseModel]) -> str | None:
    """The ``kind`` that names a type in YAML, where it has one."""
    info = cls.model_fields.get("kind")
    return info.default if info is not None and isinstance(info.default, str) else None
