"""Reading keys of a ``config.json``: the value, else the default of the transformers config class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from llminfra.catalog.datafile import read_data
from llminfra.diagnostics import UsageError


class ModelConfigError(UsageError):
    """A ``config.json`` from which no architecture can be computed; the message names the missing key."""


class ConfigReader(Struct, frozen=True):
    """A config object with its class defaults behind it.

    Attributes:
        values: The object as parsed.
        model_type: Chooses the defaults.
        model_id: For messages.
    """

    values: Mapping[str, Any]
    model_type: str
    model_id: str
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any], model_id: str, model_type: str | None = None) -> ConfigReader:
        """Reader for ``values``; ``model_type`` is used where the object has none."""
        kind = str(values.get("model_type") or model_type or "")
        defaults = read_data("models/hf_defaults.json")["defaults"].get(kind, {})
        return cls(values=values, model_type=kind, model_id=model_id, defaults=defaults)

    def sub(self, *keys: str, fallback_type: str | None = None) -> ConfigReader | None:
        """Reader for a nested object, None when absent."""
        for key in keys:
            value = self.values.get(key)
            if isinstance(value, Mapping):
                kind = fallback_type or (self.defaults.get("sub_configs") or {}).get(key)
                return ConfigReader.of(value, self.model_id, kind)
        return None

    def get(self, *keys: str) -> Any:
        """First key that is present and not null, else its default, else None."""
        for key in keys:
            if self.values.get(key) is not None:
                return self.values[key]
        for key in keys:
            if key not in self.values and self.defaults.get(key) is not None:
                return self.defaults[key]
        return None

    def integer(self, *keys: str, default: int | None = None) -> int:
        """Like `get`, as an int.

        Raises:
            ModelConfigError: nothing found and no ``default`` given.
        """
        value = self.get(*keys)
        if isinstance(value, list):
            value = next((item for item in value if isinstance(item, int | float)), None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            if default is None:
                raise ModelConfigError(
                    f"config.json of {self.model_id} has no `{keys[0]}` (model_type {self.model_type or 'missing'})"
                )
            return default
        return int(value)

    def flag(self, *keys: str, default: bool = False) -> bool:
        """Like `get`, as a bool."""
        value = self.get(*keys)
        return default if value is None else bool(value)

    def has(self, key: str) -> bool:
        """Whether the object itself has the key with a value."""
        return self.values.get(key) is not None
