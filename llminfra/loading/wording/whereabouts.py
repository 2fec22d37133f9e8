"""Where a broken object is used: ``VLLM.max_model_len`` becomes ``endpoints.chat.engine.max_model_len``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.diagnostics import entry_path, names_of
from llminfra.spec.base.spec import Spec
from llminfra.spec.errors.shape_errors import SINGLE
from llminfra.spec.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llminfra.diagnostics import Diagnostic


def absolute_paths(platforms: Sequence[Platform], diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Replace the type's name at the start of a path by the place in the platform, where there is one.

    Fields of the only platform of a file have no prefix, as in YAML and in what planning finds.
    """
    if not diagnostics:
        return []
    places: dict[int, str] = {}  # by identity: a loop declares objects with the same errors at the same line
    for platform in platforms:
        for path, item in _walk(platform, ""):
            for told in () if _in_a_section(type(item)) else item.told:
                # The first place is the object's own section; endpoints come later and hold the same object.
                places.setdefault(id(told), f"{path}{_below(item, told.path)}".removeprefix("."))
    moved = [replace(item, path=places.get(id(item), item.path)) for item in diagnostics]
    return _alone(platforms[0], diagnostics, moved) if len(platforms) == 1 else moved


def _in_a_section(cls: type[Spec]) -> bool:
    """Whether paths begin with the section that the object is an item of, wherever it is used."""
    section = cls.spec_section
    return section == Platform.spec_section or (
        section in Platform.model_fields and "name" in cls.model_fields and section not in SINGLE
    )


def _below(item: Spec, path: str) -> str:
    """What of a path is below the object, which ``shape_diagnostics`` calls by its section or type, and its name."""
    start = type(item).spec_section or type(item).__name__
    named = f"{start}.{item.__dict__.get('name')}"
    if type(item).spec_section not in SINGLE and (path == named or path.startswith(f"{named}.")):
        start = named
    return path.removeprefix(start)


def _alone(platform: Platform, told: Sequence[Diagnostic], moved: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Paths of a platform's own fields without its name, or what stands for one that was refused."""
    own = {id(item) for item in platform.told}
    name = str(platform.__dict__.get("name"))
    starts = tuple(f"platforms.{each}" for each in (f"{name}.", ".", ""))
    whole = f"platforms.{name}"
    return [
        replace(item, path=item.path.removeprefix(next(each for each in starts if item.path.startswith(each))))
        if id(before) in own and item.path != whole
        else item
        for before, item in zip(told, moved, strict=True)
    ]


def _walk(item: Spec, path: str) -> Iterator[tuple[str, Spec]]:
    yield path, item
    values = dict(item.__dict__)
    if "endpoints" in values:
        values["endpoints"] = getattr(item, "workloads", values["endpoints"])
    for field, value in (*values.items(), *item.dropped.items()):
        for key, each in _children(field, value):
            yield from _walk(each, f"{path}.{key}" if path else key)


def _children(field: str, value: object) -> Iterator[tuple[str, Spec]]:
    if isinstance(value, Spec):
        yield field, value
    elif isinstance(value, tuple | list):
        names = names_of(value)
        for index, (each, name) in enumerate(zip(value, names, strict=True)):
            if isinstance(each, Spec):
                yield entry_path(field, index, name), each
