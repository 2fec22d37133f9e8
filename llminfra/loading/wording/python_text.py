"""Python in the middle of a sentence: calls such as ``Model(revision=…)`` and arguments such as ``efa=True``.

Texts of findings are written for people, with Python where something is to be written. This finds those places; what
is not entirely understood stays text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from msgspec import Struct

GAP = "…"
"""What a text leaves to the reader; in a call also in the place of further arguments."""

_SPAN = re.compile(r"`[^`]*`|(?<![\w=\])}])(\"[^\"\n]*\"|'[^'\n]*')(?!\w)")
_NAME = re.compile(r"(?<![\w.`@/-])(?:llminfra\.)?([A-Z]\w*)\(")
_OTHER_CALL = re.compile(r"(?<![\w.])\w[\w.]*\(")
_ARGUMENT = re.compile(r"(?<![\w.`@/$?&:{<'\"-])([a-z_][a-z0-9_]*)=(?!=)")
_NUMBER = re.compile(r"-?\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w/@-]|\.\d)")
_STRING = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'")
_WORD = re.compile(r"[A-Za-z0-9_](?:[\w./:+@-]*\w)?")
_KEY = re.compile(r"([a-z_][a-z0-9_]*)=(?!=)")
_ENDS = frozenset(" \n,;:.)]}")
_ESCAPED = {"\\\\": "\\", "\\'": "'", '\\"': '"'}
_DEEPEST = 20


class Leaf(Struct, frozen=True):
    """A value as it stands there; of a string in quotes, which is ``quoted``, what is in them."""

    text: str
    quoted: bool = False


class Items(Struct, frozen=True):
    """A list or a tuple."""

    items: tuple[Node, ...]


class Pairs(Struct, frozen=True):
    """A dictionary."""

    pairs: tuple[tuple[Node, Node], ...]


class Call(Struct, frozen=True):
    """A type with arguments in their order; ``…`` among them has no name."""

    name: str
    given: tuple[tuple[str, Node], ...]


class Argument(Struct, frozen=True):
    """An argument without its call."""

    name: str
    value: Node


class Quote(Struct, frozen=True):
    """Something in quotes or backticks: a name or a command, which is nobody's to reword."""

    text: str


Node = Leaf | Items | Pairs | Call
Piece = str | Quote | Call | Argument


class _NotPythonError(Exception):
    """Here is something else."""


def pieces(text: str, types: Collection[str], arguments: Collection[str]) -> Iterator[tuple[Piece, str]]:
    """The text in parts, each with how it stands there; put together again they are the text.

    A text that is nested deeper than anybody writes is one part.

    Args:
        text: A sentence.
        types: Names that are called.
        arguments: Names of arguments.
    """
    if _depth(text) > _DEEPEST:
        yield text, text
        return
    at = start = 0
    while at < len(text):
        found = _piece(text, at, types, arguments)
        if found is None:
            at += 1
            continue
        if start < at:
            yield text[start:at], text[start:at]
        piece, end = found
        yield piece, text[at:end]
        at = start = end
    if start < len(text):
        yield text[start:], text[start:]


def _depth(text: str) -> int:
    deepest = depth = 0
    for mark in text:
        depth += (mark in "([{") - (mark in ")]}" and depth > 0)
        deepest = max(deepest, depth)
    return deepest


def _piece(text: str, at: int, types: Collection[str], arguments: Collection[str]) -> tuple[Piece, int] | None:
    if text[at] in "`\"'" and (span := _SPAN.match(text, at)):
        return Quote(span[0]), span.end()
    try:
        if (named := _NAME.match(text, at)) and named[1] in types:
            return _call(text, named, types)
        if (argument := _ARGUMENT.match(text, at)) and argument[1] in arguments:
            value, end = _value(text, argument.end(), types)
            if end < len(text) and text[end] not in _ENDS:
                return None
            return Argument(argument[1], value), end
    except _NotPythonError:
        return _as_it_is(text, at)
    return _as_it_is(text, at) if _OTHER_CALL.match(text, at) else None


def _as_it_is(text: str, at: int) -> tuple[Quote, int] | None:
    """Something with brackets that is not understood: half of it in another language would be worse than none.

    ``None`` where no brackets follow before a space.
    """
    opened = re.compile(r"[\w.=]*[(\[{]").match(text, at)
    if opened is None:
        return None
    depth, end = 1, opened.end()
    while end < len(text) and depth:
        depth += (text[end] in "([{") - (text[end] in ")]}")
        end += 1
    return Quote(text[at:end]), end


def _call(text: str, named: re.Match[str], types: Collection[str]) -> tuple[Call, int]:
    given: list[tuple[str, Node]] = []
    at = named.end()
    while not text.startswith(")", at):
        if text.startswith(GAP, at):
            given.append(("", Leaf(GAP)))
            at += len(GAP)
        else:
            key = _KEY.match(text, at)
            if key is None:
                raise _NotPythonError
            value, at = _value(text, key.end(), types)
            given.append((key[1], value))
        at = _next(text, at, ")")
    return Call(named[1], tuple(given)), at + 1


def _value(text: str, at: int, types: Collection[str]) -> tuple[Node, int]:
    if text.startswith(GAP, at):
        return Leaf(GAP), at + len(GAP)
    if (opening := text[at : at + 1]) in {"[", "("}:
        return _items(text, at + 1, "]" if opening == "[" else ")", types)
    if opening == "{":
        return _pairs(text, at + 1, types)
    if string := _STRING.match(text, at):
        return Leaf(_unquoted(string[0]), quoted=True), string.end()
    if (named := _NAME.match(text, at)) and named[1] in types:
        return _call(text, named, types)
    if number := _NUMBER.match(text, at):
        return Leaf(number[0].replace("_", "")), number.end()
    word = _WORD.match(text, at)
    if word is None or text[word.end() : word.end() + 1] in {"(", "[", "="}:
        raise _NotPythonError
    return Leaf(word[0]), word.end()


def _unquoted(string: str) -> str:
    """The text of a string of Python that has no other escapes than those of quotes and backslashes."""
    marks = re.findall(r"\\.", string)
    if any(mark not in _ESCAPED for mark in marks):
        raise _NotPythonError
    return re.sub(r"\\.", lambda mark: _ESCAPED[mark[0]], string[1:-1])


def _items(text: str, at: int, end: str, types: Collection[str]) -> tuple[Items, int]:
    items: list[Node] = []
    while not text.startswith(end, at):
        value, at = _value(text, at, types)
        items.append(value)
        at = _next(text, at, end)
    return Items(tuple(items)), at + 1


def _pairs(text: str, at: int, types: Collection[str]) -> tuple[Pairs, int]:
    pairs: list[tuple[Node, Node]] = []
    while not text.startswith("}", at):
        key, at = _value(text, at, types)
        if not text.startswith(": ", at):
            raise _NotPythonError
        value, at = _value(text, at + 2, types)
        pairs.append((key, value))
        at = _next(text, at, "}")
    return Pairs(tuple(pairs)), at + 1


def _next(text: str, at: int, end: str) -> int:
    """The place of the next item, or of the end."""
    comma = re.compile(r",\s*").match(text, at)
    if comma is None and not text.startswith(end, at):
        raise _NotPythonError
    return comma.end() if comma else at
