"""Numbers are no truth values: ``max_model_len=True`` is a slip, and pydantic would read it as 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pydantic_core import PydanticKnownError
from pydantic_core.core_schema import no_info_before_validator_function

if TYPE_CHECKING:
    from pydantic_core.core_schema import CoreSchema


def no_truth_values(schema: CoreSchema) -> CoreSchema:
    """The schema of a declared type, in which whole and other numbers refuse ``True`` and ``False``."""
    return cast("CoreSchema", _guarded(schema))


def _guarded(node: Any) -> Any:
    if isinstance(node, list | tuple):
        return type(node)(_guarded(each) for each in node)
    if not isinstance(node, dict):
        return node
    found = {key: value if key == "metadata" else _guarded(value) for key, value in node.items()}
    match node.get("type"):
        case "int":
            return no_info_before_validator_function(_no_truth_in_int, cast("CoreSchema", found))
        case "float":
            return no_info_before_validator_function(_no_truth_in_float, cast("CoreSchema", found))
    return found


def _no_truth_in_int(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticKnownError("int_type")
    return value


def _no_truth_in_float(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    return value
