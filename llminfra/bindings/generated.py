"""Imports modules that jsii generated, without the work that each of them repeats for nothing.

* Every one reads the version of typeguard from its metadata on import; here that file is read once.
* Every call checks its arguments with typeguard, a fifth of a synthesis, after mypy has checked ours and before the
  kernel checks them again (`@jsii/kernel`, `serialization.ts`, and its message names the property).
* The functions that only hold type hints for those checks are a tenth of the code in memory.

With `LLMINFRA_BINDINGS=plain` all of it stays as generated.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from llminfra.bindings.references import refer_locally

_STUB_PREFIX = "_typecheckingstub__"


class _NoHints(dict[str, Any]):
    """Hints of a function that nobody will check."""

    def __missing__(self, name: str) -> Any:
        return Any


class _Typing(ModuleType):
    """The module ``typing`` with no hints to evaluate; everything else is ``typing``'s own."""

    def __getattr__(self, name: str) -> Any:
        return getattr(typing, name)

    @staticmethod
    def get_type_hints(stub: object) -> dict[str, Any]:
        """None: the stub is gone, and the checks are too."""
        del stub
        return _NoHints()


def import_generated(name: str) -> ModuleType:
    """The generated module called ``name``, without type checks in Python.

    Raises:
        ImportError: there is none, or it does not load.
    """
    with _metadata_read_once():
        module = importlib.import_module(name)
    if drop_checks(module):
        refer_locally(module)
    return module


def drop_checks(module: ModuleType) -> bool:
    """Take the type checks out of a generated module; any other module, or one without them, is left alone.

    Returns:
        Whether there were any.
    """
    # The package `publication` puts a module of public names in the place of the one that holds the code.
    names = vars(getattr(module, "_private", module))
    if names.get("typing") is not typing or not isinstance(names.get("check_type"), FunctionType):
        return False
    names["typing"] = _Typing("typing")
    names["check_type"] = _unchecked
    for name in names:
        if name.startswith(_STUB_PREFIX):
            names[name] = None
    return True


def _unchecked(argname: str, value: object, expected_type: object) -> None:
    del argname, value, expected_type


@contextmanager
def _metadata_read_once() -> Iterator[None]:
    original = importlib.metadata.version
    importlib.metadata.version = _remembered(original)  # type: ignore[assignment]  # the same, but remembered
    try:
        yield
    finally:
        importlib.metadata.version = original


@cache
def _remembered(version: Callable[[str], str]) -> Callable[[str], str]:
    return cache(version)
