"""Importing what only some installations have, with a message that says what to install."""

from __future__ import annotations

import importlib
from typing import Any

from llminfra.diagnostics import UsageError


def need(module: str, command: str, extra: str | None = None) -> Any:
    """The module.

    Args:
        module: Its name.
        command: The command that needs it, for the message.
        extra: The extra of llminfra that brings its libraries.

    Raises:
        UsageError: A library that it needs is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        fix = f"pip install 'llminfra[{extra}]'" if extra else "reinstall llminfra"
        msg = f"`llminfra {command}` needs the module {error.name!r}, which is not installed; {fix}"
        raise UsageError(msg) from None
