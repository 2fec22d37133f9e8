"""The text of a log to the starts in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from llminfra.planning.memory.releases.engine_profile import parse_version
from llminfra.start_logs.literals import arguments
from llminfra.start_logs.patterns import ENGINES, Line, Lines, lines_of
from llminfra.start_logs.record import Failure, StartLog, Stated
from llminfra.start_logs.releases import Traits, between, place_of, traits_of
from llminfra.start_logs.rust import Fields, fields
from llminfra.start_logs.sums import Adding
from llminfra.start_logs.text import joined, plain_lines

_DAY = 86_400
_PROCESS = re.compile(r"\bProcess \d+ has ([0-9.]+) ([MG])iB memory in use")
_LONGEST = 2_000
"""Characters of an engine's words that are kept."""
_NOTHING: tuple[Any, ...] = (None, False, 0, "", {}, [], "0", "{}")
"""Arguments that are off."""
_SPECULATION = {"num_spec_tokens": "num_speculative_tokens"}
"""Names that vLLM's ``SpeculativeConfig`` prints (vllm/config/speculative.py), by those that it takes."""


def read_log(text: str) -> StartLog | None:
    """The last start of a log that says anything of memory, or of why it failed; None where no engine is known by it.

    Args:
        text: Lines as the engine prints them; colours, prefixes of Ray and of processes, and the JSON of container
            runtimes around a line do not matter.
    """
    lines = list(plain_lines(text))
    told = (_told(list(_starts(lines, engine))) for engine in ENGINES)
    telling = max(told, key=lambda starts: sum(start.weight for start in starts))
    if not telling:
        return None
    last = telling[-1]
    return StartLog(
        engine=last.engine,
        inputs=last.inputs,
        figures=last.figures,
        seconds=last.seconds,
        failure=last.failure,
        started=last.started and last.failure is None,
        not_counted=last.not_counted,
        asked=last.asked,
        decided=last.decided,
        releases=last.releases,
        starts=len(telling),
    )


class _Start:
    """A start while its lines are read."""

    def __init__(self, engine: str, known: Lines, traits: Traits | None) -> None:
        self.engine = engine
        self.known = known
        self.traits = traits
        self.inputs: dict[str, Stated] = {}
        self.figures: dict[str, Stated] = {}
        self.seconds: dict[str, Stated] = {}
        self.not_counted: dict[str, str] = {}
        self.failure: Failure | None = None
        self.started = False
        self.first: datetime | None = None
        self.asked = False
        self.decided: dict[str, Stated] = {}
        self.marks: dict[str, datetime | None] = {}
        self.void: set[str] = set()
        self.names = Fields()
        self.places: list[tuple[str, str]] = []
        self.place = 0
        self.releases: tuple[str, str] | None = None
        self.figure_sums = tuple(map(Adding, known.figure_sums))
        self.second_sums = tuple(map(Adding, known.second_sums))

    @property
    def under_way(self) -> bool:
        """Whether a line that begins a start is that of another: the processes of one print theirs before all else."""
        return bool(self.figures or self.failure or self.started)

    @property
    def weight(self) -> int:
        """How much is known of it."""
        return len(self.figures) + len(self.inputs) + (self.failure is not None)


def _told(starts: list[_Start]) -> list[_Start]:
    """Those of which the log tells more than that an engine was called."""
    full = [start for start in starts if start.figures or start.failure]
    return full or [start for start in starts if start.inputs]


def _starts(lines: list[tuple[int, str]], engine: str) -> Iterator[_Start]:
    known, traits = lines_of(engine), traits_of(engine)
    one = lines if known.block is None else joined(lines, known.block.begins, known.block.ends, known.stamp[0])
    start = _Start(engine, known, traits)
    for number, line in one:
        if (begin := _first(known.begins, line)) is not None:
            if start.under_way:
                yield _whole(start)
                start = _Start(engine, known, traits)
            _begin(start, *begin, number)
        _read(start, line, number)
    yield _whole(start)


def _read(start: _Start, line: str, number: int) -> None:
    known = start.known
    _take(start.figures, known.figures, line, number)
    _take(start.seconds, known.seconds, line, number)
    _take(start.inputs, known.inputs, line, number)
    _take(start.decided, known.decided, line, number)
    start.void.update(item.name for item in known.voids if item.pattern.search(line))
    for part in (*start.figure_sums, *start.second_sums):
        part.add(line, number)
    if start.traits is not None and (span := place_of(start.traits, line)) is not None:
        start.places.append(span)
        start.place = number
    _verdict(start, line, number)


def _whole(start: _Start) -> _Start:
    """A start with what all of its lines together say."""
    for name in start.void:
        start.figures.pop(name, None)
    start.figures.update(item for part in start.figure_sums if (item := part.found()) is not None)
    start.seconds.update(item for part in start.second_sums if (item := part.found()) is not None)
    if start.traits is not None:
        start.releases = between(start.traits, start.names, start.places, whole=start.names.whole)
    if start.releases is not None:
        # Of releases that nothing tells apart the newest: they have the same rules, but for a start that broke off.
        start.inputs.setdefault("engine_version", Stated(start.releases[1], start.place))
    start.inputs.update(_absent(start))
    return start


def _first(lines: tuple[Line, ...], text: str) -> tuple[Line, re.Match[str]] | None:
    return next(((line, match) for line in lines if (match := line.pattern.search(text)) is not None), None)


def _begin(start: _Start, line: Line, match: re.Match[str], number: int) -> None:
    stated, known = match.groupdict(), start.known
    if (release := stated.get("release")) is not None:
        start.inputs.setdefault("engine_version", Stated(release, number))
    if line.value is not None:
        start.inputs["use_v1"] = Stated(line.value == "v1", number)
    # What was asked for counts before what the engine made of it: a length of `auto` is no length.
    made = arguments(stated.get("config") or "")
    asked: dict[str, Any] = {}
    if known.rust:
        start.place = number
        asked = start.names = fields(stated.get("arguments") or "", known.words)
    else:
        asked = arguments(stated.get("arguments") or "")
    start.asked = start.asked or bool(asked)
    for name, value in asked.items():
        if name in known.not_counted and value not in _NOTHING:
            start.not_counted[name] = known.not_counted[name]
    for values, keys in ((asked, known.arguments), (made, known.config)):
        for name, value in values.items():
            key = keys.get(name)
            if key is not None and (read := _input(key, value)) is not None:
                start.inputs.setdefault(key, Stated(read, number))


def _input(key: str, value: Any) -> Any:
    """A value as a case takes it; None where it says nothing."""
    if value is None or value == "" or (isinstance(value, str) and value.startswith("<")):
        return None
    if value == "auto" and key != "kv_cache_dtype":
        return None
    if key == "dtype":
        return str(value).removeprefix("torch.")
    if key == "enforce_eager":
        if isinstance(value, list):  # TGI takes sizes of graphs, of which 0 is none
            return True if value and not any(value) else None
        return None if value is False else value
    if key == "speculative_config":
        if not isinstance(value, dict):
            return None
        return {_SPECULATION.get(name, name): item for name, item in value.items() if item is not None}
    if isinstance(value, tuple | list | str | int | float | bool | dict):
        return list(value) if isinstance(value, tuple) else value
    return str(value)


def _take(found: dict[str, Stated], lines: tuple[Line, ...], text: str, number: int) -> None:
    for line in lines:
        match = line.pattern.search(text)
        if match is None:
            continue
        value = line.value if line.value is not None else _value(line, match)
        before = found.get(line.name)
        if value is not None and (before is None or _replaces(line, value, before.value)):
            found[line.name] = Stated(value, number)


def _value(line: Line, match: re.Match[str]) -> str | float | None:
    """What a line says; None where its number is none."""
    text = str(match.group(1))
    if line.text:
        return text.replace("_", " ").strip()
    try:
        return float(text.replace(",", "")) if "." in text else int(text.replace(",", ""))
    except ValueError:
        return None


def _replaces(line: Line, value: Any, before: Any) -> bool:
    if line.take == "largest":
        return bool(value > before)
    if line.take == "smallest":
        return bool(value < before)
    return line.take == "last"


def _verdict(start: _Start, text: str, number: int) -> None:
    known = start.known
    if start.first is None:
        start.first = _time(known, text)
    _mark(start, text, number)
    if any(pattern.search(text) for pattern in known.ready):
        start.started = True
        _ready(start, _time(known, text), number)
    # The first words count: what follows tells them again, from process to process.
    if start.started or start.failure is not None:
        return
    failed = _first(
        tuple(
            item
            for item in known.failures
            if (not item.after or item.after in start.marks) and item.unless not in start.marks
        ),
        text,
    )
    if failed is None:
        return
    line, match = failed
    words = text[match.start() :].strip()[:_LONGEST]
    start.failure = Failure(outcome=line.name, text=words, line=number, others_gib=_others(words))


def _ready(start: _Start, at: datetime | None, number: int) -> None:
    if at is None or start.first is None:
        return
    span = (at - start.first).total_seconds()
    # Without a year midnight is behind; with one, lines stand in another order than they were printed.
    span = span if "%Y" in start.known.stamp[1] else span % _DAY
    if span >= 0:
        start.seconds["ready"] = Stated(span, number)


def _mark(start: _Start, text: str, number: int) -> None:
    """Note a line that phases go by; of several processes the first begins a phase, and the first ends it."""
    known = start.known
    new = [name for name, pattern in known.marks.items() if name not in start.marks and pattern.search(text)]
    if not new:
        return
    at = _time(known, text)
    start.marks.update(dict.fromkeys(new, at))
    for span in known.spans:
        began = start.marks.get(span.begins)
        if span.ends in new and began is not None and at is not None and at >= began:
            start.seconds.setdefault(span.name, Stated(round((at - began).total_seconds(), 2), number))


def _time(known: Lines, text: str) -> datetime | None:
    """The time in a line, by a clock that nobody names; only spans between two of them mean anything."""
    pattern, form = known.stamp
    match = pattern.search(text)
    if match is None:
        return None
    # vLLM leaves the year out: any that has a 29 February does.
    year = "" if "%Y" in form else "2000 "
    try:
        return datetime.strptime(f"{year}{match.group(1)}", f"%Y {form}" if year else form).replace(tzinfo=UTC)
    except ValueError:
        return None


def _others(words: str) -> float:
    """GiB of other processes in PyTorch's words (c10/cuda/CUDACachingAllocator.cpp), which name each by its number."""
    return sum(float(size) / (1024 if unit == "M" else 1) for size, unit in _PROCESS.findall(words))


def _absent(start: _Start) -> dict[str, Stated]:
    release = parse_version(str(start.inputs["engine_version"].value)) if "engine_version" in start.inputs else None
    return {
        each.name: Stated(each.value, start.figures[each.beside].line if each.beside in start.figures else start.place)
        for each in start.known.absent
        if each.name not in start.inputs
        and (each.beside in start.figures or each.beside in start.marks)
        and (each.since is None or (release is not None and release >= (parse_version(each.since) or release)))
    }
