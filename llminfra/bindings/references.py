"""Attributes of resources as Terraform expressions, told without asking the kernel.

Each ``bucket.arn`` is a question to Node.js, whose answer is a token that CDKTF writes as ``${aws_s3_bucket.name.arn}``
in the end. Who made the resource knows its address, so that the expression can be written at once. Only attributes
whose name in Python is their name in Terraform are told this way, and only in fast mode; that the JSON is the same is
tested against the plain one.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

LOCAL = frozenset({"account_id", "arn", "id", "json", "key_id", "name"})
"""Attributes of type string that constructs ask for often."""

_ADDRESS = "_llminfra_address"


def has_address(element: object, address: str) -> None:
    """Let a resource or data source know its address: ``aws_vpc.main``, ``data.aws_subnet.a``."""
    vars(element)[_ADDRESS] = address


def refer_locally(module: ModuleType) -> None:
    """Let the resources of a generated module answer for themselves, once they have an address."""
    for kind in vars(module).values():
        if isinstance(kind, type) and hasattr(kind, "__jsii_type__"):
            for name in LOCAL & vars(kind).keys():
                asked = vars(kind)[name]
                if isinstance(asked, property) and asked.fget is not None and _is_text(asked.fget):
                    setattr(kind, name, property(_told(name, asked.fget), asked.fset, asked.fdel, asked.__doc__))


def _is_text(getter: Callable[[Any], Any]) -> bool:
    return getter.__annotations__.get("return") in {str, "builtins.str"}


def _told(name: str, ask: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def tell(element: object) -> Any:
        address = vars(element).get(_ADDRESS)
        return f"${{{address}.{name}}}" if address else ask(element)

    return tell
