"""The rule behind an error that somebody reads in a log, a pipeline or a terminal: by the words that rules list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from llminfra.rules.rule import Rule

_GAP = "…"
_LEAST, _SHARE = 20, 0.7
"""Characters without gaps, and the part of a text, that must be found: less is found in anything."""
_LEAST_ASKED = 12
"""Characters that are searched for: what somebody asks for is no accident."""
_SAYS_NOTHING = "no message"
"""How a text begins that no program prints."""


class Recognized(Struct, frozen=True, kw_only=True):
    """An error that a rule knows.

    Attributes:
        rule: The rule.
        words: What it lists, with gaps.
        line: Number of the line where they stand, from 1.
    """

    rule: Rule
    words: str
    line: int


def recognize(text: str, rules: Iterable[Rule]) -> tuple[Recognized, ...]:
    """Rules whose words stand in a text, by line, one finding a rule; the most of the words first in a line."""
    whole = _plain(text)
    candidates = [(rule, words) for rule, words in _listed(rules) if max(_parts(words), key=len) in whole]
    if not candidates:
        return ()
    found: dict[str, tuple[tuple[int, float], Recognized]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        plain = _plain(line)
        for rule, words in candidates:
            share = _share(_parts(words), plain)
            if share < _SHARE:
                continue
            rank = (number, -share)
            if rule.code not in found or rank < found[rule.code][0]:
                found[rule.code] = (rank, Recognized(rule=rule, words=words, line=number))
    return tuple(item for _, item in sorted(found.values(), key=lambda each: each[0]))


def search(words: str, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Rules that list what somebody typed or pasted, whole or in part, with other numbers and names; best first."""
    asked = " ".join(words.split())
    pieces = _stripped(re.split(r"[0-9][0-9.,]*|…", _plain(asked)))
    if sum(map(len, pieces)) < _LEAST_ASKED:
        return ()
    found: dict[str, tuple[float, Rule]] = {}
    for rule, listed in _listed(rules):
        # What is in the rule's words is a part of them; what has them in it is more than them.
        share = max(_share(pieces, _plain(listed)), _share(_parts(listed), _plain(asked)))
        if share >= _SHARE and share > found.get(rule.code, (0.0, rule))[0]:
            found[rule.code] = (share, rule)
    return tuple(rule for _, rule in sorted(found.values(), key=lambda each: -each[0]))


def _listed(rules: Iterable[Rule]) -> Iterator[tuple[Rule, str]]:
    for rule in rules:
        for words in rule.seen:
            if not words.lower().startswith(_SAYS_NOTHING) and sum(map(len, _parts(words))) >= _LEAST:
                yield rule, words


def _plain(text: str) -> str:
    return " ".join(text.lower().replace("`", "").split())


@cache
def _parts(words: str) -> tuple[str, ...]:
    """What stands between the gaps."""
    return _stripped(_plain(words).split(_GAP))


def _stripped(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts if text.strip())


def _share(parts: Sequence[str], text: str) -> float:
    """How much of the parts stands in a text, in their order."""
    at, length = 0, 0
    for part in parts:
        begin = text.find(part, at)
        if begin >= 0:
            at = begin + len(part)
            length += len(part)
    return length / max(sum(map(len, parts)), 1)
