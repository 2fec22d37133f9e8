"""Failures in JSON, for commands that were asked for JSON."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from llminfra.diagnostics import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def json_failures(as_json: bool) -> Iterator[None]:
    """With ``--json``, tell a failed spec on stdout as ``{"ok": false, "diagnostics": […]}`` and exit with 1.

    Raises:
        SpecError: The spec failed, and JSON was not asked for.
        SystemExit: The spec failed, and that was told in JSON.
    """
    try:
        yield
    except SpecError as error:
        if not as_json:
            raise
        from llminfra.cli.terminal.output import write_json  # only on failure

        write_json({"ok": False, "diagnostics": [item.to_dict() for item in error.diagnostics]})
        raise SystemExit(1) from None
