"""The lines of engines: what the data files say of them, ready to be searched for."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Literal

from msgspec import Struct

from llminfra.catalog.datafile import read_json

ENGINES = ("vllm", "sglang")
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
    """

    name: str
    pattern: re.Pattern[str]
    take: Take = "first"
    value: Any = None
    text: bool = False


class Absent(Struct, frozen=True, kw_only=True):
    """What it means that a release does not print a line which it prints else.

    Attributes:
        name: The input.
        value: What it is.
        since: First release that prints the line.
        beside: A figure of the same process, which shows that its lines are in the log.
    """

    name: str
    value: Any
    since: str
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
        failures=tuple(Line(name=row["outcome"], pattern=re.compile(row["pattern"])) for row in data["failures"]),
        arguments=data["arguments"],
        config=data.get("config", {}),
        not_counted=data["not_counted"],
        absent=tuple(
            Absent(name=row["name"], value=row["value"], since=row["since"], beside=row["beside"])
            for row in data.get("absent", [])
        ),
        stamp=(re.compile(data["stamp"]["pattern"]), data["stamp"]["format"]),
    )


def _lines(rows: list[dict[str, Any]]) -> tuple[Line, ...]:
    return tuple(
        Line(
            name=row["name"],
            pattern=re.compile(row["pattern"]),
            take=row.get("take", "first"),
            value=row.get("value"),
            text=row.get("text", False),
        )
        for row in rows
    )
