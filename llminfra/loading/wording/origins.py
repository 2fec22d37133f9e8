"""Where in the user's file a spec path was declared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from llminfra.diagnostics import names_of, path_parts
from llminfra.spec.base.spec import Spec

if TYPE_CHECKING:
    from llminfra.spec.platform import Platform


def origin_of(platform: Platform, path: str) -> tuple[str, int] | None:
    """File and line of the innermost declared part of the path; the platform's own where nothing matches.

    In Python that is the line of an object, in YAML the line of a key.
    """
    return declared_part(platform, path) or platform.origin


def declared_part(platform: Platform, path: str) -> tuple[str, int] | None:
    """As ``origin_of``; ``None`` where nothing of the path was declared."""
    found: tuple[str, int] | None = None
    parts = path_parts(path)
    value: Any = platform
    while parts and isinstance(value, Spec):
        found = value.key_place(".".join(parts)) or found
        holder = value.declared_path
        value, parts = _step(value, parts)
        # What is only named where it is used has its fields elsewhere.
        if isinstance(value, Spec) and (not value.has_keys or (parts and not value.declared_path.startswith(holder))):
            found = value.origin or found
    return found


def object_at(platform: Platform, path: str) -> Spec | None:
    """The declared object at a spec path, ``None`` where the path names none; the empty path is the platform."""
    parts = path_parts(path)
    value: Any = platform
    while parts and isinstance(value, Spec):
        value, parts = _step(value, parts)
    return value if isinstance(value, Spec) and not parts else None


def _step(value: Spec, parts: list[str]) -> tuple[Any, list[str]]:
    """Follow one name; a list of objects takes the names that follow (bucket names have dots), or a place in it."""
    name, rest = parts[0], parts[1:]
    if name in ("platform", "platforms") and hasattr(value, "workloads"):
        return value, rest[1:] if rest[:1] == [getattr(value, "name", None)] else rest
    held = getattr(value, "workloads", None) if name == "endpoints" else getattr(value, name, None)
    if isinstance(held, Iterable) and not isinstance(held, str | dict | Spec):
        entries = list(held)
        names = names_of(entries)
        for item, key in zip(entries, names, strict=True):
            size = len(key.split(".")) if key else 0
            if size and rest[:size] == key.split("."):
                return item, rest[size:]
        if rest and rest[0].isdecimal() and int(rest[0]) < len(entries):
            return entries[int(rest[0])], rest[1:]
        return None, []
    return held, rest
