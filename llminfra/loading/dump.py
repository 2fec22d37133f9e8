"""Declared platforms as plain data: what ``load`` reads back, once it is written as YAML."""

from __future__ import annotations

import datetime as dt
from typing import Any

from llminfra.loading.yaml.types import section_names, section_of
from llminfra.spec.base.spec import Spec
from llminfra.spec.platform import Platform


def plain_platform(platform: Platform, *, defaults: bool = False) -> dict[str, Any]:
    """The platform as plain data in the YAML form, sections as mappings by name.

    Args:
        platform: What to write.
        defaults: Whether fields that hold their default are written too.
    """
    data = plain_spec(platform, defaults=defaults)
    for section in section_names():
        items = platform.workloads if section == "endpoints" else getattr(platform, section)
        data.pop(section, None)
        if items:
            data[section] = {item.name: _item(item, defaults=defaults) for item in items}
    return data


def plain_spec(item: Spec, *, defaults: bool = False) -> dict[str, Any]:
    """A declared object as plain data; what is declared in a section of the platform is named, not repeated.

    What was given is written even where it is the default, because giving it may mean something: a cluster that is
    named is there.
    """
    data = {}
    for name, info in type(item).model_fields.items():
        value = getattr(item, name)
        given = name in item.model_fields_set or info.is_required() or name == "kind"
        if defaults or given or value != info.get_default(call_default_factory=True):
            data[name] = _plain(value, defaults=defaults)
    return data


def _item(item: Spec, *, defaults: bool) -> dict[str, Any]:
    data = plain_spec(item, defaults=defaults)
    data.pop("name")
    return data


def _plain(value: Any, *, defaults: bool) -> Any:
    if isinstance(value, Spec):
        if section_of(type(value)) in section_names():
            return getattr(value, "name", None)
        return plain_spec(value, defaults=defaults)
    if isinstance(value, list | tuple):
        return [_plain(each, defaults=defaults) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each, defaults=defaults) for key, each in value.items()}
    return value.isoformat() if isinstance(value, dt.date) else value
