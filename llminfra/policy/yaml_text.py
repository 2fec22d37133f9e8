"""YAML as text with places: where each key and value of a file stands, so that one can be changed and nothing else.

The loader's tree (``llminfra.loading.yaml.tree``) has values with aliases and merges worked out; here an alias stays an
alias, because what is written elsewhere is not edited here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import yaml


@dataclass(frozen=True, slots=True)
class Place:
    """A value as it is written.

    Attributes:
        kind: What it is; an ``alias`` stands for something written elsewhere.
        start: Offset of its first character.
        end: Offset behind its last character, without comments that follow.
        line: 1-based line of its start.
        column: Column of its start.
        text: Of a scalar.
        flow: Whether a collection stands in braces or brackets.
        pairs: Keys and values of a mapping.
        items: Values of a list.
        literal: Whether a scalar is a block of lines (``|`` or ``>``).
    """

    kind: Literal["map", "seq", "scalar", "alias"]
    start: int
    end: int
    line: int
    column: int
    text: str = ""
    flow: bool = False
    pairs: tuple[tuple[Place, Place], ...] = ()
    items: tuple[Place, ...] = ()
    literal: bool = False

    def get(self, key: str) -> tuple[Place, Place] | None:
        """A key that is written in this mapping, and its value."""
        return next((pair for pair in self.pairs if pair[0].text == key), None)


def read_places(text: str) -> list[Place]:
    """The documents of a file; empty where it is not YAML."""
    try:
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        return list(_documents(iter(events)))
    except (yaml.YAMLError, RecursionError):
        return []


def _documents(events: Iterator[yaml.Event]) -> Iterator[Place]:
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            yield _value(next(events), events)


def _value(event: yaml.Event, events: Iterator[yaml.Event]) -> Place:
    start, line, column = _mark(event.start_mark)
    end = _mark(event.end_mark)[0]
    if isinstance(event, yaml.AliasEvent):
        return Place("alias", start, end, line, column)
    if isinstance(event, yaml.ScalarEvent):
        literal = event.style in ("|", ">")
        return Place("scalar", start, end, line, column, text=str(event.value), literal=literal)
    children: list[Place] = []
    flow = bool(getattr(event, "flow_style", False))
    for child in events:
        if isinstance(child, yaml.CollectionEndEvent):
            # The end of a block is the start of what follows it: its last value knows better.
            end = _mark(child.end_mark)[0] if flow or not children else children[-1].end
            break
        children.append(_value(child, events))
    if isinstance(event, yaml.SequenceStartEvent):
        return Place("seq", start, end, line, column, flow=flow, items=tuple(children))
    pairs = tuple(zip(children[::2], children[1::2], strict=True))
    return Place("map", start, end, line, column, flow=flow, pairs=pairs)


def _mark(mark: object) -> tuple[int, int, int]:
    """Offset, 1-based line and column of one of PyYAML's marks."""
    if not isinstance(mark, yaml.Mark):  # the parser in Python marks everything
        return 0, 1, 0
    return mark.index, mark.line + 1, mark.column
