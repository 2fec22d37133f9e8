"""Building a platform from a YAML mapping: sections in the order of their references, then the platform itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import cast

from llminfra.loading.yaml.inheritance import inherit
from llminfra.loading.yaml.objects import Builder
from llminfra.loading.yaml.report import Report, join, key_line
from llminfra.loading.yaml.tree import Map, Seq
from llminfra.loading.yaml.types import section_names
from llminfra.spec.errors.near_values import nearest
from llminfra.spec.platform import Platform

NOTES = "x-"
"""Start of keys that nothing reads: a place for anchors and for other tools."""
MODELS = "models"
"""Section that YAML has beside the fields of ``Platform``: models that endpoints name instead of repeating them."""


def build_platform(tree: Map, path: str, report: Report) -> Platform | None:
    """The platform that a mapping describes; ``None`` when nothing of it could be built."""
    sections: dict[str, dict[str, Map]] = {}
    for name in (*section_names(), MODELS):
        if (section := tree.items.get(name)) is not None:
            sections[name] = inherit(name, section, report, join(path, name))
    lost = _lost(tree, sections)
    builder = Builder(report, sections, path, lost)
    values: dict[str, object] = {}
    for name in section_names():
        if name in sections:
            values[name] = builder.section(name)
    if MODELS in sections:
        builder.section(MODELS)
    rest = tree.without(*sections, *(key for key in tree.items if key.startswith(NOTES)))
    built = builder.build(Platform, Map(rest.line, rest.items, tree.key_lines, tree.repeated), path, values)
    if not isinstance(built, Platform):
        return None
    unread = {name for name in lost if name != MODELS}
    unread |= {name for name, items in values.items() if len(cast("list[object]", items)) < len(sections[name])}
    if unread:
        built.doubt(unread)
    return built.at(report.file, tree.line, partial(key_line, tree), path)


def _lost(tree: Map, sections: Mapping[str, Mapping[str, Map]]) -> dict[str, frozenset[str] | None]:
    """Sections with items that could not be read, and the names of those items; ``None``: any name may be one."""
    found: dict[str, frozenset[str] | None] = {}
    for name, items in sections.items():
        section = tree.items[name]
        if isinstance(section, Map):
            if names := section.items.keys() - items.keys():
                found[name] = frozenset(names) if items else None
        elif (len(section.items) if isinstance(section, Seq) else int(section.value is not None)) > len(items):
            found[name] = None
    absent = {*section_names(), MODELS} - tree.items.keys()
    for key in tree.items:
        if key not in Platform.model_fields and (meant := nearest(key, absent)):
            found[meant] = None
    return found
