"""Stacks of targets as tests look at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Compiled = Callable[..., dict[str, Any]]


def one(stack: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = stack["resource"][kind]
    assert len(found) == 1
    return next(iter(found.values()))


def actions(stack: dict[str, Any]) -> set[str]:
    """All actions that any policy of a stack names."""
    documents = stack["data"]["aws_iam_policy_document"].values()
    return {action for item in documents for statement in item["statement"] for action in statement["actions"]}


def as_list(value: Any) -> list[Any]:
    """A block that Terraform writes once or several times."""
    return value if isinstance(value, list) else [value]
