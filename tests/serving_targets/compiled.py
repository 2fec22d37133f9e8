"""Stacks of targets as tests look at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Compiled = Callable[..., dict[str, Any]]


def one(stack: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = stack["resource"][kind]
    assert len(found) == 1
    return next(iter(found.values()))
