"""What is left of an object's data after some of it was refused."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from llminfra.spec.errors.expectations import REFUSED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_NAME = "unnamed"
_REGION = ""
"""What stands in for a platform's region: no region of the catalog, so that nothing is looked up for it."""


class Lost(Struct, frozen=True):
    """What was refused, and what to build the object from.

    Attributes:
        fields: Fields that errors leave open; for an unknown key the field that was meant, or all that were not given.
        kept: What was given and not refused.
        attempts: Data to build from, the most complete first.
        own_name: The name that was given and refused: findings go by it.
    """

    fields: frozenset[str]
    kept: dict[str, Any]
    attempts: tuple[dict[str, Any], ...]
    own_name: str | None


def what_is_lost(cls: type[BaseModel], data: Mapping[str, Any], error: ValidationError) -> Lost:
    """Sort the data of an object into what stands and what does not.

    Args:
        cls: Type of the object.
        data: What was given.
        error: What pydantic said to it.
    """
    bad: set[str] = set()
    bad_items: set[tuple[str, int]] = set()
    open_fields: set[str] = set()
    for item in error.errors(include_url=False):
        match item["loc"]:
            case ():
                bad.update(contradicting(cls, item) or cls.model_fields)
            case (str(field), int(index), *_) if isinstance(data.get(field), list):
                bad_items.add((field, index))
            case (str(field), *_) if item["type"] == "extra_forbidden" and field not in cls.model_fields:
                open_fields.update(
                    difflib.get_close_matches(field, cls.model_fields, n=1) or cls.model_fields.keys() - data
                )
            case (field, *_):
                bad.add(str(field))
    listed = {field for field, _ in bad_items}
    kept = {key: value for key, value in data.items() if key in cls.model_fields and key not in bad}
    pruned = {
        key: [each for index, each in enumerate(value) if (key, index) not in bad_items] if key in listed else value
        for key, value in kept.items()
    }
    whole = {key: value for key, value in kept.items() if key not in listed}
    name = data.get("name")
    own_name = name if "name" in bad and isinstance(name, str) and name else None
    absent = {"region": _REGION} if "region" in cls.model_fields else {}
    if own_name is not None or absent:
        absent["name"] = _NAME
    return Lost(
        fields=frozenset(bad | listed | open_fields),
        kept=kept,
        attempts=(pruned, whole, {**absent, **pruned}, {**absent, **whole}),
        own_name=own_name,
    )


def contradicting(cls: type[BaseModel], item: ErrorDetails) -> Sequence[str]:
    """The fields that an error of the whole object is about; empty: it names none."""
    given = (item.get("ctx") or {}).get("fields") if item["type"] == REFUSED else None
    return given or [name for name in cls.model_fields if re.search(rf"\b{name}\b", item["msg"])]
