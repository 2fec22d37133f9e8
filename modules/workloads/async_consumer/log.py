"""One JSON object a line. Prompts and answers never get here: callers pass names, codes and numbers only."""

from __future__ import annotations

import json
import sys
import traceback


def log(level: str, event: str, **fields: object) -> None:
    """Write one line to stdout."""
    line = {"level": level, "event": event, **fields}
    print(json.dumps(line, separators=(",", ":"), default=repr), file=sys.stdout, flush=True)  # noqa: T201


def where(error: BaseException) -> str:
    """Type and place of an unexpected error, without its message: that could quote a prompt."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join([type(error).__name__, *(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))])
