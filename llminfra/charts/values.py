"""Base of every Helm values type, and the string types they share."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from llminfra.catalog.container_env import ENV_NAME_PATTERN

LateStr = Annotated[str, Field(min_length=1)]
"""A string that Terraform may fill in at apply time (an ARN, an id): checked for presence only."""

DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]
"""An RFC 1123 label: names of Services, containers, volumes and ports."""

EnvName = Annotated[str, Field(pattern=ENV_NAME_PATTERN)]
"""Name of an environment variable that every shell accepts."""

AbsolutePath = Annotated[str, Field(pattern=r"^/\S*$")]
"""An absolute path without white space."""

Port = Annotated[int, Field(ge=1, le=65535)]
"""A TCP or UDP port."""

Cidr = Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$")]
"""An address range such as ``10.0.0.0/16``."""


class ChartValues(BaseModel):
    """Values of a chart, or a part of them.

    ``extra="forbid"`` because Helm ignores a misspelt key without a word. Keys are the camelCase of the field name
    unless the chart spells one differently, in which case the field names the key itself.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
        # A validator is compiled when its type is first used: that halves the import.
        defer_build=True,
        hide_input_in_errors=True,
    )

    def to_values(self) -> dict[str, JsonValue]:
        """The mapping for Helm: chart keys, JSON types, nothing that is ``None``.

        Two equal declarations give equal mappings with the same key order.
        """
        values: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return values

    def replace(self, **changes: Any) -> Self:
        """A copy with these fields changed, checked like a new declaration.

        Raises:
            pydantic.ValidationError: the result is not valid.
        """
        return type(self).model_validate({**dict(self), **changes})
