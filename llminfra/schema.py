"""The JSON schema of YAML specs: pydantic's schema of the declared types, turned into the form that YAML has.

In YAML, named objects stand in sections and are referred to by name, may extend one another, and a choice between
types is made by ``kind``; see ``llminfra.loading.yaml.platform``.
"""

from __future__ import annotations

import inspect
from typing import Any

from llminfra.loading.yaml.types import (
    allows_none,
    item_type,
    section_names,
    section_of,
    section_types,
    spec_options,
    value_type,
)
from llminfra.spec.base.spec import Spec
from llminfra.spec.errors.expectations import kind_of
from llminfra.spec.errors.field_docs import field_docs
from llminfra.spec.platform import Platform

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFS = "#/$defs/"


def json_schema() -> dict[str, Any]:
    """The schema of a YAML spec: one platform, or ``platforms`` as a list or a mapping by name."""
    types = {cls.__name__: cls for cls in _reachable(Platform, {})}
    defs = {name: _definition(types[name], types[name].model_json_schema()) for name in sorted(types)}
    platforms = {"type": "array", "minItems": 1, "items": {"$ref": f"{_DEFS}Platform", "required": ["name", "region"]}}
    by_name = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            "$ref": f"{_DEFS}Platform",
            "anyOf": [{"required": ["extends"]}, {"required": ["region"]}],
        },
    }
    several = {
        "type": "object",
        "properties": {"platforms": {"anyOf": [platforms, by_name]}},
        "required": ["platforms"],
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
    }
    return {
        "$schema": DIALECT,
        "title": "llminfra spec",
        "description": "What llminfra reads from YAML. Keys that start with x- are for anchors and other tools.",
        "anyOf": [{"$ref": f"{_DEFS}Platform", "required": ["name", "region"]}, several],
        "$defs": defs,
    }


def _reachable(cls: type[Spec], seen: dict[type[Spec], None]) -> list[type[Spec]]:
    if cls not in seen:
        seen[cls] = None
        for info in cls.model_fields.values():
            for each in _specs_within(info.annotation):
                _reachable(each, seen)
    return list(seen)


def _specs_within(annotation: Any) -> list[type[Spec]]:
    found = list(spec_options(annotation))
    for inner in (item_type(annotation), value_type(annotation)):
        if inner is not None:
            found += _specs_within(inner)
    return found


def _definition(cls: type[Spec], raw: dict[str, Any]) -> dict[str, Any]:
    docs = field_docs(cls)
    properties: dict[str, Any] = {}
    for name, info in cls.model_fields.items():
        schema = {key: value for key, value in raw["properties"][name].items() if key != "title"}
        in_section = cls is Platform and name in section_names()
        schema = _section(name) if in_section else _yaml_form(info.annotation, schema)
        if text := docs.get(name) or _types_doc(info.annotation):
            schema["description"] = text
        properties[name] = schema
    if cls is Platform:
        properties["models"] = {**_section("models"), "description": "Models that endpoints refer to by name."}
    sectioned = cls is Platform or section_of(cls) is not None
    if sectioned:
        properties["extends"] = {"type": "string", "description": "Item of the same section to start from."}
    definition: dict[str, Any] = {
        "type": "object",
        "description": inspect.cleandoc(cls.__doc__ or ""),
        "properties": properties,
        "additionalProperties": False,
    }
    if cls is Platform:
        definition["patternProperties"] = {"^x-": {}}
    required = [name for name in raw.get("required", ()) if name != "name" or not sectioned]
    if required and not sectioned:
        definition["required"] = required
    return definition


def _required(cls: type[Spec]) -> list[str]:
    return [name for name, info in cls.model_fields.items() if info.is_required() and name != "name"]


def _section(section: str) -> dict[str, Any]:
    """A section holds items by name, or a list of items that have a name."""
    classes = section_types(section)
    items = []
    for cls in classes:
        ref: dict[str, Any] = {"$ref": f"{_DEFS}{cls.__name__}"}
        kinds = {"required": ["kind"]} if len(classes) > 1 else {}
        if needs := _required(cls):
            ref["anyOf"] = [{"required": ["extends"]}, {**kinds, "required": [*kinds.get("required", []), *needs]}]
        elif kinds:
            ref["anyOf"] = [{"required": ["extends"]}, kinds]
        items.append(ref)
    item = items[0] if len(items) == 1 else {"anyOf": items}
    named: dict[str, Any] = {"allOf": [item], "required": ["name"]}
    if "name" not in classes[0].model_fields:  # a model has no name of its own; the section gives it one
        return {"type": "object", "additionalProperties": item}
    return {"anyOf": [{"type": "object", "additionalProperties": item}, {"type": "array", "items": named}]}


def _yaml_form(annotation: Any, schema: dict[str, Any]) -> dict[str, Any]:
    specs = spec_options(annotation)
    references = [cls for cls in specs if section_of(cls) in section_names()]
    kept = {key: value for key, value in schema.items() if key in ("default", "description")}
    if isinstance(kept.get("default"), dict | list):
        kept.pop("default")  # an object's defaults stand with its own fields
    if not specs:
        inner = item_type(annotation)
        if inner is not None and spec_options(inner):
            return {"type": "array", "items": _yaml_form(inner, {}), **kept}
        return _as_written(schema)
    forms: list[dict[str, Any]] = []
    if references:
        sections = " or ".join(f"`{name}`" for name in dict.fromkeys(str(section_of(cls)) for cls in references))
        forms.append({"type": "string", "description": f"Name of an item of {sections}."})
    inline = [cls for cls in specs if cls not in references]
    kinds = [kind for cls in inline if (kind := kind_of(cls))]
    if words := [kind for cls in inline if (kind := kind_of(cls)) and not _required(cls)]:
        forms.append({"enum": words, "description": "A kind with nothing but defaults."})
    for cls in inline:
        ref: dict[str, Any] = {"$ref": f"{_DEFS}{cls.__name__}"}
        needs = _required(cls) if section_of(cls) else []
        needs += ["kind"] if len(kinds) > 1 and kind_of(cls) else []
        if needs:
            ref["required"] = needs
        if section_of(cls) == "models":
            forms.append({"type": "string", "description": "Name of an item of `models`."})
        forms.append(ref)
    forms += [each for each in schema.get("anyOf", ()) if each.get("type") not in ("null", "object", None)]
    if allows_none(annotation):
        forms.append({"type": "null"})
    return {**(forms[0] if len(forms) == 1 else {"anyOf": forms}), **kept}


def _as_written(schema: dict[str, Any]) -> dict[str, Any]:
    """Fields that want text take what looks like something else as it is written: ``version: 1.30``."""
    if schema.get("type") == "string" and not {"enum", "const", "format"} & schema.keys():
        return {**schema, "type": ["string", "number", "boolean"]}
    changed = {
        key: _as_written(value) if isinstance(value, dict) else [_as_written(each) for each in value]
        for key, value in schema.items()
        if (key in {"additionalProperties", "items"} and isinstance(value, dict)) or key in {"anyOf", "oneOf"}
    }
    return {**schema, **changed}


def _types_doc(annotation: Any) -> str:
    """For a field without text of its own: the first sentence of each type it takes."""
    docs = [inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0] for cls in _specs_within(annotation)]
    return " Or: ".join(" ".join(doc.split()) for doc in docs)
