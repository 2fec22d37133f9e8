"""What a field's annotation means for YAML: text, a reference, one of several kinds, a list or a mapping."""

from __future__ import annotations

import datetime as dt
import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from llminfra.spec.base.spec import Spec
from llminfra.spec.errors.expectations import kind_of
from llminfra.spec.models.model import Model
from llminfra.spec.platform import Platform

_TEXT = (str, dt.date, dt.datetime)


def plain(annotation: Any) -> Any:
    """An annotation without its metadata."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def options(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of an annotation, flat; ``NoneType`` among them where ``None`` is allowed."""
    bare = plain(annotation)
    if get_origin(bare) in (Union, types.UnionType):
        return tuple(option for part in get_args(bare) for option in options(part))
    return (bare,)


def spec_options(annotation: Any) -> tuple[type[Spec], ...]:
    """The declared types among the alternatives."""
    return tuple(option for option in options(annotation) if isinstance(option, type) and issubclass(option, Spec))


def allows_none(annotation: Any) -> bool:
    """Whether ``None`` is one of the alternatives."""
    return type(None) in options(annotation)


def item_type(annotation: Any) -> Any | None:
    """Type of the items, where a list is one of the alternatives (for a tuple: of the first place)."""
    for option in options(annotation):
        if get_origin(option) in (list, tuple, Sequence):
            return get_args(option)[0]
    return None


def value_type(annotation: Any) -> Any | None:
    """Type of the values, where a mapping is one of the alternatives."""
    for option in options(annotation):
        if get_origin(option) in (dict, Mapping):
            return get_args(option)[1]
    return None


def wants_text(annotation: Any, text: str) -> bool:
    """Whether a scalar is to be taken as the user wrote it: ``version: 1.30`` is not a number."""
    for option in options(annotation):
        if option in _TEXT or (get_origin(option) is Literal and text in get_args(option)):
            return True
    return False


@cache
def section_names() -> tuple[str, ...]:
    """Fields of a platform that hold named items."""
    return tuple(name for name in Platform.model_fields if _section_types(name))


def section_types(section: str) -> tuple[type[Spec], ...]:
    """Types of a section's items."""
    return (Model,) if section == "models" else _section_types(section)


def sketch(section: str, name: str = "") -> str:
    """The shortest item of a section: what it must have, with the name where it belongs to a list."""
    cls: type[Spec] = Platform if section == Platform.spec_section else section_types(section)[0]
    kind = kind_of(cls)
    parts = [f"name: {name}"] if name else []
    parts += [f"kind: {kind}"] if kind else []
    parts += [f"{field}: …" for field, info in cls.model_fields.items() if info.is_required() and field != "name"]
    return f"{{{', '.join(parts)}}}"


def _section_types(field: str) -> tuple[type[Spec], ...]:
    inner = item_type(Platform.model_fields[field].annotation)
    found = spec_options(inner) if inner is not None else ()
    return found if found and all("name" in cls.model_fields for cls in found) else ()


@cache
def section_of(cls: type[Spec]) -> str | None:
    """The section in which items of a type are declared, so that others can name them."""
    for section in (*section_names(), "models"):
        if cls in section_types(section):
            return section
    return None
