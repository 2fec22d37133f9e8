"""Fields by their place in a spec: ``endpoints.chat.engine.max_model_len`` is ``VLLM.max_model_len``.

Without a platform a place is what the declared types allow, which may be the fields of several alternatives; with one
it is what stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from msgspec import Struct

from llminfra.diagnostics import UsageError, entry_path, names_of, path_parts
from llminfra.loading.yaml.types import item_type, spec_options, value_type
from llminfra.reference.types import declared_types
from llminfra.spec.base.spec import Spec
from llminfra.spec.errors.near_values import nearest
from llminfra.spec.models.model import Model
from llminfra.spec.platform import Platform

_MODELS = "models"
NAME = "NAME"
"""What stands in a path for a name of the user's."""
_WILD = frozenset("*?")
"""What stands for a name or a place in what the source of a rule says."""
_DEEPEST = 8


class Place(Struct, frozen=True):
    """A field of a type, or an entry of it.

    Attributes:
        cls: The type.
        field: The field; empty where the path leads to a whole object that no field holds.
        entry: What an entry of it is, where the path leads to one.
        holder: The object with the field, where a platform is known.
        value: What stands there, where a platform is known.
    """

    cls: type[Spec]
    field: str
    entry: tuple[type[Spec], ...] = ()
    holder: Spec | None = None
    value: Any = None


def places(path: str, platform: Platform | None = None) -> tuple[Place, ...]:
    """The fields that a path leads to: one of a platform, or those of every alternative that the types allow.

    Raises:
        UsageError: It leads nowhere; it says which path is near.
    """
    parts = path_parts(path)
    if not parts:
        msg = "the path is empty; write one such as endpoints.chat.engine"
        raise UsageError(msg)
    try:
        return tuple(_start(parts, platform))
    except NowhereError as error:
        near = _near(parts, error, platform)
        hint = f"did you mean {' or '.join(near)}?" if near else error.hint
        msg = f"{error}; {hint}" if hint else str(error)
        raise UsageError(msg) from None


def places_below(cls: type[Spec], path: str) -> tuple[Place, ...]:
    """The fields that a path leads to that starts in a type.

    Raises:
        NowhereError: It leads nowhere.
    """
    return tuple(_walk([(cls, None)], path_parts(path), 0))


def known_paths(platform: Platform | None = None) -> list[str]:
    """Every path of the types, with ``NAME`` for names; of a platform every path of what it declares."""
    if platform is not None:
        return list(dict.fromkeys(_paths_of(platform, "")))
    return list(dict.fromkeys([*_paths(Platform, ""), *_paths(Model, f"{_MODELS}.{NAME}")]))


class NowhereError(Exception):
    """The path leads nowhere: ``done`` parts of it lead somewhere, and ``meant`` is what the next one should be."""

    def __init__(self, message: str, done: int, meant: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.done, self.meant, self.hint = done, meant, hint


def _start(parts: list[str], platform: Platform | None) -> Iterable[Place]:
    if len(parts) > 1 and parts[-1] == "kind":  # which type an object is of says the field that holds it
        parts = parts[:-1]
    if parts[0] == Platform.spec_section:
        name, rest = (parts[1] if len(parts) > 1 else ""), parts[2:]
        if platform is not None and name != platform.name:
            msg = f"the platform is called {platform.name!r}, and not {name!r}"
            raise NowhereError(msg, 1, platform.name)
        return _walk([(Platform, platform)], rest, 2) if rest else [Place(Platform, "", (Platform,), None, platform)]
    if parts[0] == _MODELS:
        return _model(parts, platform)
    return _walk([(Platform, platform)], parts, 0)


def _model(parts: list[str], platform: Platform | None) -> list[Place]:
    """An item of the section that only YAML has: models have no name in Python."""
    name, rest = ".".join(parts[1:2]), parts[2:]
    model: Model | None = None
    if platform is not None:
        items = (*platform.workloads, *platform.batches)
        held = [each for item in items if isinstance(each := item.__dict__.get("model"), Model)]
        named = {each.declared_path.rpartition(f"{_MODELS}.")[2]: each for each in held if each.declared_path}
        model = named.get(name)
        if model is None:
            msg = f"nothing in `models` is called {name!r} and used"
            raise NowhereError(msg, 1, nearest(name, named))
    return _walk([(Model, model)], rest, 2) if rest else [Place(Model, "", (Model,), None, model)]


Holder = tuple[type[Spec], Spec | None]


def _walk(holders: Sequence[Holder], parts: list[str], done: int) -> list[Place]:
    """What is at the first of the parts, or below it."""
    name, rest = parts[0], parts[1:]
    having = [(cls, item) for cls, item in holders if name in cls.model_fields]
    if not having:
        raise _no_field(holders, name, done)
    if not rest:
        return [Place(cls, name, (), item, value_of(item, name)) for cls, item in having]
    found: list[Place] = []
    failed: list[NowhereError] = []
    for cls, item in having:
        try:
            found += _below(cls, item, name, rest, done + 1)
        except NowhereError as error:
            failed.append(error)
    if not found:
        raise max(failed, key=lambda error: error.done)
    return found


def _below(cls: type[Spec], item: Spec | None, field: str, rest: list[str], done: int) -> list[Place]:
    """What is below a field: fields of its object, or of an entry of its list; a key or a plain entry is the field."""
    annotation = cls.model_fields[field].annotation
    value = value_of(item, field)
    inner = item_type(annotation) or value_type(annotation)
    if inner is None:
        options = spec_options(annotation)
        if not options:
            msg = f"`{field}` of {cls.__name__} is a plain value, and has no {rest[0]!r}"
            raise NowhereError(msg, done, hint=f"`llminfra explain {cls.__name__}.{field}` says what it takes")
        if item is None:
            return _walk([(option, None) for option in options], rest, done)
        if not isinstance(value, Spec):
            msg = f"`{field}` is {value!r} there, and has no {rest[0]!r}"
            raise NowhereError(msg, done, hint=f"`llminfra explain {cls.__name__}.{field}` says what it takes")
        return _walk([(type(value), value)], rest, done)
    options = spec_options(inner)
    if not options:
        if value_type(annotation) is None and not rest[0].isdecimal() and rest[0] not in _WILD:
            msg = f"entries of `{field}` have no names, and {rest[0]!r} is no place in it"
            raise NowhereError(msg, done, hint=f"`llminfra explain {cls.__name__}.{field}` says what it takes")
        return [Place(cls, field, (), item, value)]
    if item is not None:
        entry, size = _entry(field, value, rest, done)
        if len(rest) == size:
            return [Place(cls, field, (type(entry),), item, entry)]
        return _walk([(type(entry), entry)], rest[size:], done + size)
    return _any_entry(cls, field, options, rest, done)


def _any_entry(cls: type[Spec], field: str, options: tuple[type[Spec], ...], rest: list[str], done: int) -> list[Place]:
    """An entry whose name is not known: names of buckets have dots, and the shortest that leads somewhere is taken."""
    first: NowhereError | None = None
    for size in range(1, len(rest)):
        try:
            return _walk([(option, None) for option in options], rest[size:], done + size)
        except NowhereError as error:
            first = first or error
    if first is not None:
        raise first
    return [Place(cls, field, options)]


def _entry(field: str, value: Any, rest: list[str], done: int) -> tuple[Spec, int]:
    """The entry of a list that the next parts name, by its name or its place, and how many parts that were."""
    entries = [each for each in value or () if isinstance(each, Spec)]
    called = names_of(entries)
    for entry, name in zip(entries, called, strict=True):
        if name and rest[: len(name.split("."))] == name.split("."):
            return entry, len(name.split("."))
    if rest[0].isdecimal() and int(rest[0]) < len(entries):
        return entries[int(rest[0])], 1
    names = [name for name in called if name]
    msg = f"nothing in `{field}` is called {rest[0]!r}"
    near = nearest(rest[0], names)
    told = f"there {'is' if len(names) == 1 else 'are'} {', '.join(names)}" if names else f"{field} is empty"
    raise NowhereError(msg, done, near, told)


def value_of(item: Spec | None, field: str) -> Any:
    """What stands in a field; of a platform all of its endpoints."""
    if item is None:
        return None
    return item.workloads if isinstance(item, Platform) and field == "endpoints" else item.__dict__.get(field)


def _no_field(holders: Sequence[Holder], name: str, done: int) -> NowhereError:
    fields = sorted({field for cls, _ in holders for field in cls.model_fields if field != "kind"})
    types = " or ".join(cls.__name__ for cls, _ in holders[:_TOLD]) + (", …" if len(holders) > _TOLD else "")
    hint = f"`llminfra explain {holders[0][0].__name__}` has all fields"
    return NowhereError(f"{types} has no field {name!r}", done, nearest(name, fields), hint)


_TOLD = 3


def _near(parts: list[str], error: NowhereError, platform: Platform | None) -> list[str]:
    """Paths that were meant: with one part corrected, else those with the same end, else what looks like it."""
    if error.meant:
        corrected = [*parts[: error.done], *error.meant.split("."), *parts[error.done + 1 :]]
        try:
            list(_start(corrected, platform))
        except NowhereError:
            pass
        else:
            return [".".join(corrected)]
    return near_paths(".".join(parts), platform)


def near_paths(path: str, platform: Platform | None = None) -> list[str]:
    """Paths that end as this one does, else those that look like it; the user's own names in the place of ``NAME``."""
    parts, known = path_parts(path), known_paths(platform)
    for size in range(len(parts), 0, -1):
        end = ".".join(parts[-size:])
        before = parts[-size - 1] if size < len(parts) else NAME
        if ends := [each for each in known if each.endswith(f".{end}") or each == end]:
            return [each.replace(f"{NAME}.{end}", f"{before}.{end}") for each in ends[:_TOLD]]
    return get_close_matches(path, known, n=_TOLD, cutoff=0.75) if len(parts) > 1 else []


def _paths(cls: type[Spec], path: str, above: tuple[type[Spec], ...] = ()) -> Iterator[str]:
    """Paths of a type's fields and of those below; a type inside itself ends there."""
    if cls in above or len(above) > _DEEPEST:
        return
    for field, info in cls.model_fields.items():
        if field == "kind":
            continue
        here = f"{path}.{field}" if path else field
        yield here
        inner = item_type(info.annotation) or value_type(info.annotation)
        below = f"{here}.{NAME}" if inner is not None else here
        for option in spec_options(inner if inner is not None else info.annotation):
            if cls is Platform or not _is_section(option):
                yield from _paths(option, below, (*above, cls))


def _is_section(cls: type[Spec]) -> bool:
    """Whether objects of a type are entries of a platform's list, where their fields have their own paths."""
    return cls.spec_section in Platform.model_fields and "name" in cls.model_fields


def _paths_of(item: Spec, path: str) -> Iterator[str]:
    for field in type(item).model_fields:
        if field == "kind":
            continue
        here = f"{path}.{field}" if path else field
        yield here
        value = value_of(item, field)
        if isinstance(value, Spec):
            yield from _paths_of(value, here)
        entries = value if isinstance(value, list | tuple) else ()
        for index, (entry, name) in enumerate(zip(entries, names_of(entries), strict=True)):
            if isinstance(entry, Spec):
                below = entry_path(here, index, name)
                yield below
                if not (path and _is_section(type(entry))):
                    yield from _paths_of(entry, below)


def types_with(field: str) -> list[type[Spec]]:
    """Every declared type that has a field of this name."""
    return [cls for cls in declared_types().values() if field in cls.model_fields]
