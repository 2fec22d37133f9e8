"""Pages of declared types: what each is, and of every field what it takes, its default, and what it means."""

from __future__ import annotations

import inspect
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from pydantic_core import PydanticUndefined

import llminfra
from llminfra.loading.yaml.types import section_names, section_of, sketch
from llminfra.spec.base.spec import Spec
from llminfra.spec.errors.expectations import (
    annotation_at,
    kind_of,
    literal,
    noun,
    options,
    without_bounds,
    written_as_yaml,
)
from llminfra.spec.errors.field_docs import field_docs
from llminfra.spec.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterator


class FieldPage(Struct, frozen=True, kw_only=True):
    """One field.

    Attributes:
        name: Its name, the same in Python and YAML.
        takes: What it takes, as Python writes it.
        takes_in_yaml: The same for YAML.
        default: What holds where it is left out, as Python writes it; ``required`` where it may not be.
        meaning: What it decides; double backticks around code.
        unit: What its number counts, as its name says; empty where it is no number or its name says nothing.
    """

    name: str
    takes: str
    takes_in_yaml: str
    default: str
    meaning: str
    unit: str = ""


class TypePage(Struct, frozen=True, kw_only=True):
    """One declared type.

    Attributes:
        name: Its name in Python.
        summary: The first sentence about it.
        text: What else there is to know, by paragraph.
        yaml: How YAML writes it: the section its items stand in, or the ``kind`` that names it; empty where it is
            neither.
        fields: Its fields in their order, without ``kind``.
        used_in: Fields of other types that take it, as ``Endpoint.engine``.
        module: The module that declares it.
    """

    name: str
    summary: str
    text: tuple[str, ...]
    yaml: str
    fields: tuple[FieldPage, ...]
    used_in: tuple[str, ...]
    module: str


def declared_types() -> dict[str, type[Spec]]:
    """Every type that users may declare, by name."""
    found = {name: getattr(llminfra, name) for name in llminfra.__all__}
    return {name: each for name, each in found.items() if isinstance(each, type) and issubclass(each, Spec)}


@cache
def type_pages() -> tuple[TypePage, ...]:
    """The page of every declared type, by name."""
    users = _users()
    return tuple(_page(cls, tuple(users.get(name, ()))) for name, cls in sorted(declared_types().items()))


def _page(cls: type[Spec], used_in: tuple[str, ...]) -> TypePage:
    summary, *text = inspect.cleandoc(cls.__doc__ or "").split("\n\n")
    docs = field_docs(cls)
    return TypePage(
        name=cls.__name__,
        summary=" ".join(summary.split()),
        text=tuple(" ".join(paragraph.split()) for paragraph in text),
        yaml=_in_yaml(cls),
        fields=tuple(_field(cls, field, docs.get(field, "")) for field in cls.model_fields if field != "kind"),
        used_in=used_in,
        module=cls.__module__,
    )


def _field(cls: type[Spec], field: str, meaning: str) -> FieldPage:
    annotation = annotation_at(cls, [field])
    if cls is Platform and field in section_names():
        in_yaml = f"items by name, such as {{NAME: {sketch(field)}}}"
    else:
        with written_as_yaml():
            in_yaml = noun(annotation)
    info = cls.model_fields[field]
    return FieldPage(
        name=field,
        takes=noun(annotation),
        takes_in_yaml=in_yaml,
        default="required" if info.is_required() else _default(info.get_default(call_default_factory=True)),
        meaning=meaning,
        unit=_unit(field) if _is_number(annotation) else "",
    )


_UNITS = (
    ("_gib", "GiB"),
    ("_mib_per_s", "MiB/s"),
    ("_mbps_per_tib", "MB/s for each TiB"),
    ("_usd_per_month", "USD a month"),
    ("_ms", "milliseconds"),
    ("_s", "seconds"),
    ("days", "days"),
    ("requests_per_minute", "requests a minute"),
    ("tokens_per_minute", "tokens a minute"),
    ("_tokens", "tokens"),
    ("max_model_len", "tokens"),
    ("max_num_seqs", "requests"),
    ("gpu_memory_utilization", "a share: 0.9 is 90 %"),
)
"""What a number counts, by the end of its field's name."""


def _unit(field: str) -> str:
    return next((unit for end, unit in _UNITS if field.endswith(end)), "")


def _is_number(annotation: Any) -> bool:
    return any(without_bounds(option) in (int, float) for option in options(annotation))


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, Spec):
        return f"{type(value).__name__}()"
    if isinstance(value, tuple):
        return f"[{', '.join(_default(each) for each in value)}]"
    return literal(value)


def _in_yaml(cls: type[Spec]) -> str:
    kind, section = kind_of(cls), section_of(cls)
    if cls.spec_section == "platforms":
        return "the file itself, or an item of `platforms`"
    told = [f"an item of `{section}`"] if section else []
    told += [f"`kind: {kind}`"] if kind else []
    return " with ".join(told)


def _users() -> dict[str, list[str]]:
    """By the name of a type, the fields that take it."""
    found: dict[str, list[str]] = {}
    for name, cls in sorted(declared_types().items()):
        for field in cls.model_fields:
            for taken in dict.fromkeys(_taken(annotation_at(cls, [field]))):
                found.setdefault(taken, []).append(f"{name}.{field}")
    return found


def _taken(annotation: Any) -> Iterator[str]:
    for option in options(annotation):
        bare = without_bounds(option)
        if isinstance(bare, type) and issubclass(bare, Spec):
            yield bare.__name__
        for inner in getattr(bare, "__args__", ()):
            yield from _taken(inner)
