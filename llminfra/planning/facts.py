"""Reads the planner's own measured numbers: each with its source beside it."""

from __future__ import annotations

from functools import cache
from typing import Any

from llminfra.catalog.datafile import read_json


@cache
def numbers(name: str) -> dict[str, Any]:
    """One data file of this package as a mapping from fact to its record."""
    return read_json("llminfra.planning", f"{name}.json")


def number(name: str, fact: str) -> float:
    """The value of one fact."""
    return float(numbers(name)[fact]["value"])
