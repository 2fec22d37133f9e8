"""The text of a log to the starts in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from llminfra.planning.memory.releases.engine_profile import parse_version
from llminfra.start_logs.literals import arguments
from llminfra.start_logs.patterns import ENGINES, Line, Lines, lines_of
from llminfra.start_logs.record import Failure, StartLog, Stated

_COLOUR = re.compile(r"\x1b?\[[0-9;]*m")
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
    lines = list(_plain(text.splitlines()))
    told = (_told(list(_starts(lines, engine))) for engine in ENGINES)
    telling = max(told, key=lambda starts: sum(start.weight for start in starts))
    if not telling:
        return None
    last = telling[-1]
    known = lines_of(last.engine)
    return StartLog(
        engine=last.engine,
        inputs={**last.inputs, **_absent(last, known)},
        figures=last.figures,
        seconds=last.seconds,
        failure=last.failure,
        started=last.started and last.failure is None,
        not_counted=last.not_counted,
        asked=last.asked,
        starts=len(telling),
    )


class _Start:
    """A start while its lines are read."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.inputs: dict[str, Stated] = {}
        self.figures: dict[str, Stated] = {}
        self.seconds: dict[str, Stated] = {}
        self.not_counted: dict[str, str] = {}
        self.failure: Failure | None = None
        self.started = False
        self.first: datetime | None = None
        self.asked = False

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


def _plain(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        yield number, _COLOUR.sub("", _unwrapped(line))


def _unwrapped(line: str) -> str:
    """The engine's line inside of what a container runtime or a collector of logs made of it."""
    if not line.lstrip().startswith("{"):
        return line
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if not isinstance(data, dict):
        return line
    return next((str(data[key]) for key in ("log", "message", "msg") if isinstance(data.get(key), str)), line)


def _starts(lines: list[tuple[int, str]], engine: str) -> Iterator[_Start]:
    known = lines_of(engine)
    start = _Start(engine)
    for number, line in lines:
        if (begin := _first(known.begins, line)) is not None:
            if start.under_way:
                yield start
                start = _Start(engine)
            _begin(start, known, *begin, number)
        _take(start.figures, known.figures, line, number)
        _take(start.seconds, known.seconds, line, number)
        _take(start.inputs, known.inputs, line, number)
        _verdict(start, known, line, number)
    yield start


def _first(lines: tuple[Line, ...], text: str) -> tuple[Line, re.Match[str]] | None:
    return next(((line, match) for line in lines if (match := line.pattern.search(text)) is not None), None)


def _begin(start: _Start, known: Lines, line: Line, match: re.Match[str], number: int) -> None:
    stated = match.groupdict()
    if (release := stated.get("release")) is not None:
        start.inputs.setdefault("engine_version", Stated(release, number))
    if line.value is not None:
        start.inputs["use_v1"] = Stated(line.value == "v1", number)
    # What was asked for counts before what the engine made of it: a length of `auto` is no length.
    asked, made = (arguments(stated.get(group) or "") for group in ("arguments", "config"))
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
    if key == "enforce_eager" and value is False:
        return None
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


def _verdict(start: _Start, known: Lines, text: str, number: int) -> None:
    at = _time(known, text)
    if start.first is None:
        start.first = at
    if any(pattern.search(text) for pattern in known.ready):
        start.started = True
        if at is not None and start.first is not None:
            start.seconds["ready"] = Stated((at - start.first).total_seconds() % _DAY, number)
    failed = _first(known.failures, text)
    # The first words count: what follows tells them again, from process to process.
    if failed is None or start.failure is not None or start.started:
        return
    line, match = failed
    words = text[match.start() :].strip()[:_LONGEST]
    start.failure = Failure(outcome=line.name, text=words, line=number, others_gib=_others(words))


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


def _absent(start: _Start, known: Lines) -> dict[str, Stated]:
    release = parse_version(str(start.inputs["engine_version"].value)) if "engine_version" in start.inputs else None
    if release is None:
        return {}
    return {
        each.name: Stated(each.value, start.figures[each.beside].line)
        for each in known.absent
        if each.name not in start.inputs
        and each.beside in start.figures
        and release >= (parse_version(each.since) or release)
    }
