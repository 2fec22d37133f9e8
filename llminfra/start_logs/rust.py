"""Values that Rust prints of a struct: ``Args { num_shard: Some(2), quantize: None }``, on one line or on many."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from llminfra.start_logs.literals import parts

_KEY = re.compile(r"\s*([A-Za-z_]\w*)\s*:\s*")
_SOME = re.compile(r"Some\((.*)\)", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")
_PLAIN = {"None": None, "true": True, "false": False}
_DEEPEST = 8


class Fields(dict[str, Any]):
    """Names and values of a struct.

    Attributes:
        whole: Its end is there, so that what is not among them is no field of it.
    """

    whole = False


def fields(text: str, words: Mapping[str, str]) -> Fields:
    """Fields of what stands behind the opening bracket of a struct; the last one is left out where its end is cut.

    Args:
        text: To the end of the line.
        words: Names of variants by those that the engine's flags have for them.
    """
    found, inner = Fields(), text.strip()
    found.whole = inner.endswith("}")
    pairs = [part for part, _ in parts(inner)]
    for part in pairs if found.whole else pairs[:-1]:
        key = _KEY.match(part)
        if key is not None:
            found[key.group(1)] = _value(part[key.end() :], words)
    return found


def _value(text: str, words: Mapping[str, str], depth: int = 0) -> Any:
    """A value; a variant that has no word of its own is its name."""
    text = text.strip().rstrip(",").strip()
    if text in _PLAIN:
        return _PLAIN[text]
    if depth < _DEEPEST:
        if (some := _SOME.fullmatch(text)) is not None:
            return _value(some.group(1), words, depth + 1)
        if text.startswith("[") and text.endswith("]"):
            return [_value(part, words, depth + 1) for part, _ in parts(text[1:-1]) if part.strip()]
    if (number := _NUMBER.fullmatch(text)) is not None:
        return float(text) if number.group(1) or number.group(2) else int(text)
    if text.startswith('"'):
        try:
            return str(json.loads(text))
        except ValueError:
            return text.strip('"')
    return words.get(text, text)
