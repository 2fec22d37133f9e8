"""The values of a Helm release in the synthesized Terraform, as Helm merges them."""

from __future__ import annotations

import json
from typing import Any

import yaml

from llminfra.rules.views.terraform_view import Block


def release_values(release: Block) -> dict[str, Any]:
    """The values of a release: later documents win, mappings are merged; what is not a mapping is left out.

    Terraform's escapes are undone, its expressions stand as they are.
    """
    merged: dict[str, Any] = {}
    for text in release.strings("values"):
        document = parse_values(text)
        if isinstance(document, dict):
            _merge(merged, _unescaped(document))
    return merged


def parse_values(text: str) -> Any:
    """A values document in JSON or YAML; ``None`` where it is neither."""
    try:
        return json.loads(text)
    except ValueError:
        try:
            return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
        except yaml.YAMLError:
            return None


def _merge(into: dict[str, Any], other: dict[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _unescaped(value: Any) -> Any:
    """Text as Helm gets it: Terraform turns ``$${`` into ``${``."""
    if isinstance(value, dict):
        return {_unescaped(key): _unescaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unescaped(item) for item in value]
    return value.replace("$${", "${").replace("%%{", "%{") if isinstance(value, str) else value
