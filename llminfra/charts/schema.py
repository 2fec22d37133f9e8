"""``values.schema.json`` of an in-repo chart, from its values type."""

from __future__ import annotations

import json

from pydantic import JsonValue

from llminfra.charts.values import ChartValues

# Helm 3 reads drafts 4 to 7; pydantic writes 2020-12. What the two disagree on (tuples) is not used here.
_DIALECT = "http://json-schema.org/draft-07/schema#"


def values_schema(values: type[ChartValues]) -> dict[str, JsonValue]:
    """The JSON schema that Helm checks values against; the same type always gives the same schema."""
    schema = values.model_json_schema(by_alias=True)
    return {"$schema": _DIALECT, "$comment": f"Generated from {values.__module__}.{values.__qualname__}.", **schema}


def schema_text(values: type[ChartValues]) -> str:
    """The schema as the text of the file."""
    return json.dumps(values_schema(values), indent=2, ensure_ascii=False) + "\n"
