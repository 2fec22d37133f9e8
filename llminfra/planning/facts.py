"""Reads the planner's own measured numbers: each with its source beside it."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def numbers(name: str) -> dict[str, Any]:
    """One data file of this package as a mapping from fact to its record."""
    text = files("llminfra.planning").joinpath("data", f"{name}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def number(name: str, fact: str) -> float:
    """The value of one fact."""
    return float(numbers(name)[fact]["value"])
