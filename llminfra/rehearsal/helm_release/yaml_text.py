"""Parsing values documents: dashboards make them large, and Terraform shows each one many times."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=64)
def parse(text: str) -> Any:
    """The document; callers must not change it.

    Raises:
        ValueError: the text is not YAML; the message is the parser's.
    """
    if text.startswith("{"):
        try:
            return json.loads(text)  # JSON is YAML, and much faster to read
        except json.JSONDecodeError:
            pass
    import yaml  # only where values are read

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
