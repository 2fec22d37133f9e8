"""``values.schema.json`` of an in-repo chart, from its values type."""

from __future__ import annotations

import ast
import inspect
import json
from typing import Any, get_args

from pydantic.alias_generators import to_camel

from llminfra.charts.values import ChartValues

# Helm 3 reads drafts 4 to 7; pydantic writes 2020-12. What the two disagree on (tuples) is not used here.
_DIALECT = "http://json-schema.org/draft-07/schema#"


def values_schema(values: type[ChartValues]) -> dict[str, Any]:
    """The JSON schema that Helm checks values against; the same type always gives the same schema."""
    schema = values.model_json_schema(by_alias=True)
    parts = {**schema.get("$defs", {}), values.__name__: schema}
    for item in _reachable(values):
        for name, text in _attribute_docstrings(item).items():
            key = item.model_fields[name].alias or to_camel(name)
            parts[item.__name__]["properties"][key]["description"] = text
    return {"$schema": _DIALECT, "$comment": f"Generated from {values.__module__}.{values.__qualname__}.", **schema}


def schema_text(values: type[ChartValues]) -> str:
    """The schema as the text of the file."""
    return json.dumps(values_schema(values), indent=2, ensure_ascii=False) + "\n"


def _reachable(annotation: Any) -> list[type[ChartValues]]:
    """The values types that an annotation mentions, and those that they mention."""
    if isinstance(annotation, type) and issubclass(annotation, ChartValues):
        fields = [field.annotation for field in annotation.model_fields.values()]
        return [annotation, *(item for field in fields for item in _reachable(field))]
    return [item for part in get_args(annotation) for item in _reachable(part)]


def _attribute_docstrings(values: type[ChartValues]) -> dict[str, str]:
    """The string below each field of the class: read from the source here, so that no import pays for it."""
    body = ast.parse(inspect.getsource(values)).body[0]
    if not isinstance(body, ast.ClassDef):
        return {}
    found = {}
    for statement, after in zip(body.body, body.body[1:], strict=False):
        match statement, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as text)):
                found[name] = " ".join(text.split())
    return found
