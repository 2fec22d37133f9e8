"""Type hints of generated code, evaluated once: jsii evaluates them at every call, a tenth of a synthesis."""

from __future__ import annotations

import typing
from functools import cache
from types import ModuleType
from typing import Any

_evaluated = cache(typing.get_type_hints)


class _Typing(ModuleType):
    """The module ``typing`` with hints that are remembered by function; everything else is ``typing``'s own."""

    def __getattr__(self, name: str) -> Any:
        return getattr(typing, name)

    @staticmethod
    def get_type_hints(stub: Any) -> dict[str, Any]:
        """The hints of one of jsii's stubs, which never change."""
        return _evaluated(stub)


def remember_hints(module: ModuleType) -> None:
    """Let a generated module evaluate the hints of each of its functions once; its type checks stay as they are."""
    if module.__dict__.get("typing") is typing:
        module.__dict__["typing"] = _Typing("typing")
