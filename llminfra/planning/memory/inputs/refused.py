"""What a case's input has, and what it takes instead: in own words, for options and for keys of JSON alike."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from llminfra.spec.errors.shape_errors import looks_like_credential

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_FORMS: Mapping[str, str] = {
    **dict.fromkeys(
        ("max_model_len", "max_num_batched_tokens"), "a number of tokens, such as 32768, 32,768, 32k or 32K"
    ),
    "gpu_memory_utilization": "a share of the GPU's memory, such as 0.9 or 90%",
}
_WORDS = (
    ("Value error, ", ""),
    ("Input should be ", ""),
    (", unable to parse string as an integer", ""),
    (", unable to parse string as a number", ""),
    (", unable to interpret input", ""),
    (", got a number with a fractional part", ""),
    ("a valid integer", "a whole number"),
    ("a valid number", "a number"),
    ("a valid string", "text"),
    ("a valid boolean", "true or false"),
    ("a valid dictionary", "an object"),
    ("a valid tuple", "a list"),
    ("greater than or equal to", "at least"),
    ("less than or equal to", "at most"),
    ("greater than", "more than"),
)
_LONGEST = 80


def refusals(
    errors: Iterable[ErrorDetails], name: Callable[[str], str] = str, show: Callable[[Any], str] = json.dumps
) -> list[str]:
    """A sentence for every input that was refused: ``tensor_parallel "two": expected a whole number``.

    Args:
        errors: What pydantic says; alternatives of one input make one sentence.
        name: How an input is called where it was given.
        show: How its value is written there.
    """
    wanted: dict[tuple[str, str], dict[str, None]] = {}
    for item in errors:
        first = str(item["loc"][0]) if item["loc"] else ""
        places = [str(part) for part in item["loc"][1:] if isinstance(part, int) or first in _BY_KEY]
        input_name = ".".join([name(first), *(each for each in places if each != "[key]")])
        wanted.setdefault((input_name, shown(item.get("input"), show)), {})[_expected(item, first)] = None
    return [f"{where} {given}: {_told(list(words))}" for (where, given), words in wanted.items()]


_BY_KEY = frozenset({"limit_mm_per_prompt"})


def _expected(item: ErrorDetails, first: str) -> str:
    if first in _FORMS:
        return _FORMS[first]
    text = item["msg"]
    for theirs, own in _WORDS:
        text = text.replace(theirs, own)
    text = text.rpartition(" is not one of ")[2].removesuffix(".")
    near = get_close_matches(str(item.get("input")).lower(), re.findall(r"'(\w+)'", text), n=1)
    return f"did you mean {near[0]}? expected {text}" if near else text


def _told(words: list[str]) -> str:
    text = " or ".join(words)
    return text if text.startswith(("did you mean", "write ")) else f"expected {text}"


def shown(value: Any, show: Callable[[Any], str]) -> str:
    """A value for a message: short, and without what looks like a credential."""
    text = show(value)
    if looks_like_credential(text):
        return "(a literal with the shape of a token)"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
