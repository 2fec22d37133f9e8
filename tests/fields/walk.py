"""The objects of a spec, and the same spec with another value in one field of one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from llminfra.diagnostics import entry_path
from llminfra.spec.base.spec import Spec

Root = TypeVar("Root", bound=Spec)


def objects(root: Spec) -> dict[str, Spec]:
    """Every declared object by its path, such as ``endpoints.chat.on``; one that stands in two places by the first."""
    seen: set[int] = set()

    def walk(value: Any, path: str) -> Iterator[tuple[str, Spec]]:
        if isinstance(value, Spec):
            if id(value) in seen:
                return
            seen.add(id(value))
            yield path, value
            for name in type(value).model_fields:
                yield from walk(getattr(value, name), f"{path}.{name}".lstrip("."))
        elif isinstance(value, tuple):
            for index, item in enumerate(value):
                yield from walk(item, entry_path(path, index, getattr(item, "name", None)))

    return dict(walk(root, ""))


def fields_of(kind: type[Spec]) -> list[str]:
    """What can be set; ``kind`` says which type it is."""
    return [name for name in kind.model_fields if name != "kind"]


def changed(root: Root, target: Spec, field: str, value: Any) -> Root:
    """The spec with another value, in all places where the object stands.

    Raises:
        SpecError: The types refuse it.
    """
    others: dict[int, Any] = {id(target): _anew(target, {field: value})}

    def rebuilt(old: Any) -> Any:
        if isinstance(old, tuple):
            items = tuple(rebuilt(item) for item in old)
            return items if any(new is not item for new, item in zip(items, old, strict=True)) else old
        if not isinstance(old, Spec):
            return old
        if id(old) not in others:
            parts = {name: getattr(old, name) for name in type(old).model_fields}
            new = {name: rebuilt(part) for name, part in parts.items()}
            moved = {name: part for name, part in new.items() if part is not parts[name]}
            others[id(old)] = _anew(old, moved) if moved else old
        return others[id(old)]

    found: Root = rebuilt(root)
    return found


def _anew(old: Spec, fields: dict[str, Any]) -> Spec:
    """Built again, with what was said and nothing that is default: some defaults depend on whether a field was said."""
    return type(old)(**{name: getattr(old, name) for name in old.model_fields_set} | fields)
