"""Findings and texts of a plan in the words, and with the lines, of the file that the platform was declared in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.diagnostics import path_parts
from llminfra.loading.wording.origins import declared_part, object_at
from llminfra.spec.base.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llminfra.diagnostics import Diagnostic
    from llminfra.spec.platform import Platform

YAML = frozenset({".yaml", ".yml", ".json"})
"""How the names of YAML specs end; JSON is YAML."""


def declared_in_yaml(platform: Platform) -> bool:
    """Whether the platform comes from a YAML file."""
    return platform.origin is not None and Path(platform.origin[0]).suffix.lower() in YAML


def as_declared(platform: Platform, found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Findings about a platform as its author reads them: of a YAML spec in YAML, each with the line of its key."""
    if not declared_in_yaml(platform):
        return tuple(found)
    from llminfra.loading.wording.in_yaml import finding_in_yaml  # noqa: PLC0415  # a Python spec needs none of it

    return tuple(
        dict.fromkeys(
            finding_in_yaml(_at_its_key(platform, item), named_in_a_section(platform, item.path)) for item in found
        )
    )


def text_as_declared(platform: Platform, text: str, path: str = "") -> str:
    """A text of a plan in the words of the platform's file.

    Args:
        platform: Whose plan it is.
        text: A sentence, or part of one.
        path: Spec path that it is about.
    """
    if not declared_in_yaml(platform):
        return text
    from llminfra.loading.wording.in_yaml import in_yaml  # noqa: PLC0415  # a Python spec needs none of it

    return in_yaml(text, path, named_in_a_section(platform, path))


def named_in_a_section(platform: Platform, path: str) -> dict[str, str]:
    """Where what stands on a path is declared, by type: of a model that an endpoint only names, ``models.llama``."""
    item = object_at(platform, ".".join(path_parts(path)[:2]))
    model = getattr(item, "model", None)
    place = model.declared_path if isinstance(model, Spec) else ""
    if platform.declared_path:  # one of several in a file
        place = place.removeprefix(f"{platform.declared_path}.")
    return {type(model).__name__: place} if place.startswith("models.") else {}


def _at_its_key(platform: Platform, item: Diagnostic) -> Diagnostic:
    place = declared_part(platform, item.path)
    return item if place is None else replace(item, file=place[0], line=place[1])
