"""Building a platform from a YAML mapping: sections in the order of their references, then the platform itself."""

from __future__ import annotations

from functools import partial

from llminfra.loading.yaml_inheritance import inherit
from llminfra.loading.yaml_objects import Builder
from llminfra.loading.yaml_report import Report, join, key_line
from llminfra.loading.yaml_tree import Map
from llminfra.loading.yaml_types import section_names
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
    builder = Builder(report, sections, path)
    values: dict[str, object] = {}
    for name in section_names():
        if name in sections:
            values[name] = builder.section(name)
    if MODELS in sections:
        builder.section(MODELS)
    rest = tree.without(*sections, *(key for key in tree.items if key.startswith(NOTES)))
    built = builder.build(Platform, Map(rest.line, rest.items, tree.key_lines, tree.repeated), path, values)
    return built.at(report.file, tree.line, partial(key_line, tree), path) if isinstance(built, Platform) else None
