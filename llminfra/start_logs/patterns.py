"""The lines of engines: what the data files say of them, ready to be searched for."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Literal

from msgspec import Struct

from llminfra.catalog.datafile import read_json
from llminfra.start_logs.sums import Sum

ENGINES = ("vllm", "sglang", "tgi")
"""Engines whose lines are known, in the order in which a log is asked for them."""
Take = Literal["largest", "smallest", "first", "last"]


class Line(Struct, frozen=True, kw_only=True):
    """One kind of line.

    Attributes:
        name: What it says.
        pattern: How it looks.
        take: Which value counts where several processes print the line.
        value: What it means where it has no value of its own.
        text: Its value is a text, such as the release of a driver, whatever digits are in it.
        after: Mark that must have been seen before it.
        unless: Mark after which it means something else.
    """

    name: str
    pattern: re.Pattern[str]
    take: Take = "first"
    value: Any = None
    text: bool = False
    after: str = ""
    unless: str = ""


class Block(Struct, frozen=True, kw_only=True):
    """Lines that are one: arguments of which each has a line.

    Attributes:
        begins: The first.
        ends: The last, without what a runtime put before it.
    """

    begins: re.Pattern[str]
    ends: re.Pattern[str]


class Span(Struct, frozen=True, kw_only=True):
    """A phase that no line has the duration of.

    Attributes:
        name: Of the phase.
        begins: Mark of the line that it begins with.
        ends: Mark of the line that it ends with.
    """

    name: str
    begins: str
    ends: str


class Absent(Struct, frozen=True, kw_only=True):
    """What it means that a release does not print a line which it prints else.

    Attributes:
        name: The input.
        value: What it is.
        since: First release that prints the line; None: all do.
        beside: A figure of the same process, or a mark, which shows that its lines are in the log.
    """

    name: str
    value: Any
    since: str | None
    beside: str


class Lines(Struct, frozen=True, kw_only=True):
    """All lines of an engine.

    Attributes:
        begins: Where a start begins; groups ``release``, ``arguments`` and ``config`` are what they say.
        figures: Figures of memory.
        seconds: Durations of phases.
        inputs: Inputs that are printed by themselves.
        ready: That it has started.
        failures: That it has not, by outcome.
        arguments: Key of a case by name of an argument.
        config: The same of the configuration that the engine made of them.
        not_counted: What arguments are that change memory and that no case has.
        absent: What missing lines mean.
        block: Lines that are one; None where every line is one.
        rust: Arguments are printed as Rust prints a struct, not as Python does.
        words: Values of flags by those that Rust prints.
        flags: The engine's own options by those of ``llminfra fit``, where they differ.
        decided: What the engine says that it decided by itself.
        voids: Lines that say of a figure that it is none.
        marks: Lines that phases and failures go by.
        spans: Phases between two marks.
        figure_sums: Figures that are printed in parts.
        second_sums: Durations that are printed in parts.
        stamp: The time in a line, and how it is written (`time.strptime`).
    """

    begins: tuple[Line, ...]
    figures: tuple[Line, ...]
    seconds: tuple[Line, ...]
    inputs: tuple[Line, ...]
    ready: tuple[re.Pattern[str], ...]
    failures: tuple[Line, ...]
    arguments: dict[str, str]
    config: dict[str, str]
    not_counted: dict[str, str]
    absent: tuple[Absent, ...]
    block: Block | None
    rust: bool
    words: dict[str, str]
    flags: dict[str, str]
    decided: tuple[Line, ...]
    voids: tuple[Line, ...]
    marks: dict[str, re.Pattern[str]]
    spans: tuple[Span, ...]
    figure_sums: tuple[Sum, ...]
    second_sums: tuple[Sum, ...]
    stamp: tuple[re.Pattern[str], str]


@cache
def lines_of(engine: str) -> Lines:
    """The lines of an engine; ``engine`` is one of `ENGINES`."""
    data = read_json("llminfra.start_logs", f"{engine}.json")
    return Lines(
        begins=tuple(
            Line(name=row["kind"], pattern=re.compile(row["pattern"]), value=row.get("engine"))
            for row in data["begins"]
        ),
        figures=_lines(data["figures"]),
        seconds=_lines(data["seconds"]),
        inputs=_lines(data["inputs"]),
        ready=tuple(re.compile(text) for text in data["ready"]),
        failures=tuple(_line({**row, "name": row["outcome"]}) for row in data["failures"]),
        arguments=data["arguments"],
        config=data.get("config", {}),
        not_counted=data["not_counted"],
        absent=tuple(
            Absent(name=row["name"], value=row["value"], since=row.get("since"), beside=row["beside"])
            for row in data.get("absent", [])
        ),
        block=_block(data.get("block")),
        rust=data.get("syntax") == "rust",
        words=data.get("words", {}),
        flags={name: flag for name, flag in data.get("flags", {}).items() if name.startswith("--")},
        decided=_lines(data.get("decided", [])),
        voids=tuple(_line({**row, "name": row["figure"]}) for row in data.get("voids", [])),
        marks={name: re.compile(text) for name, text in data.get("marks", {}).items()},
        spans=tuple(Span(name=row["name"], begins=row["begins"], ends=row["ends"]) for row in data.get("spans", [])),
        figure_sums=_sums(data, "figures"),
        second_sums=_sums(data, "seconds"),
        stamp=(re.compile(data["stamp"]["pattern"]), data["stamp"]["format"]),
    )


def _lines(rows: list[dict[str, Any]]) -> tuple[Line, ...]:
    return tuple(map(_line, rows))


def _line(row: dict[str, Any]) -> Line:
    return Line(
        name=row["name"],
        pattern=re.compile(row["pattern"]),
        take=row.get("take", "first"),
        value=row.get("value"),
        text=row.get("text", False),
        after=row.get("after", ""),
        unless=row.get("unless", ""),
    )


def _block(row: dict[str, Any] | None) -> Block | None:
    return None if row is None else Block(begins=re.compile(row["begins"]), ends=re.compile(row["ends"]))


def _sums(data: dict[str, Any], kind: str) -> tuple[Sum, ...]:
    table = data.get("sums", {})
    return tuple(
        Sum(
            name=row["name"],
            pattern=re.compile(row["pattern"]),
            rank=re.compile(table["rank"]),
            take=row["take"],
            ends=re.compile(row["ends"]) if "ends" in row else None,
        )
        for row in table.get(kind, [])
    )
