"""All that is told of a log: the start, what the memory model says of it, and where they part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from llminfra.start_logs.patterns import lines_of

if TYPE_CHECKING:
    from llminfra.planning.memory import FitResult
    from llminfra.planning.selection.ways_out import WayOut
    from llminfra.rules.recognize import Recognized
    from llminfra.start_logs.compare import Compared, Verdict
    from llminfra.start_logs.declared import Differs
    from llminfra.start_logs.record import StartLog


class Told(Struct, frozen=True, kw_only=True):
    """All that is told of a log.

    Attributes:
        log: The start.
        case: What the memory model was asked; of a spec's endpoint, what the log states of it.
        planned: Its answer.
        rows: Figures side by side.
        verdict: Whether the plan held.
        differs: Settings that are not as declared.
        open: What decides the memory and nobody states.
        ways: Changes with which a failed start would do.
        known: Rules that know errors of the log.
        endpoint: Path of the spec's endpoint; empty without one.
    """

    log: StartLog
    case: dict[str, Any]
    planned: FitResult
    rows: tuple[Compared, ...]
    verdict: Verdict
    differs: tuple[Differs, ...] = ()
    open: tuple[str, ...] = ()
    ways: tuple[WayOut, ...] = ()
    known: tuple[Recognized, ...] = ()
    endpoint: str = ""

    def in_its_words(self, way: WayOut) -> str:
        """Options of a change as the engine takes them, where they are called otherwise than in ``llminfra fit``."""
        options = way.options
        for name, flag in lines_of(self.log.engine).flags.items():
            options = re.sub(rf"{re.escape(name)}(?![\w-])", flag, options)
        return options

    @property
    def fine(self) -> bool:
        """It started, as planned and as declared, as far as the log says."""
        return self.log.failure is None and self.verdict.holds and not self.differs


def plain(told: Told) -> dict[str, Any]:
    """As JSON; ``case`` is a line of ``llminfra fit --jsonl``, with what was measured."""
    log = told.log
    figures = {name: item.value for name, item in log.figures.items()}
    return {
        "ok": told.fine,
        "endpoint": told.endpoint or None,
        "outcome": log.outcome,
        "engine_error": log.failure.text if log.failure else None,
        "other_processes_gib": log.failure.others_gib if log.failure else 0.0,
        "case": {key: value for key, value in told.case.items() if key != "config"} | figures,
        "decided": {name: item.value for name, item in log.decided.items()},
        "releases": list(log.releases) if log.releases else None,
        "seconds": {name: item.value for name, item in log.seconds.items()},
        "compared": [
            {"name": row.name, "unit": row.unit, "printed": row.printed, "planned": row.planned} for row in told.rows
        ],
        "holds": told.verdict.holds,
        "verdict": told.verdict.text,
        "differs": [
            {"name": item.name, "runs": item.runs, "declared": item.declared, "line": item.line}
            for item in told.differs
        ],
        "open": list(told.open),
        "not_counted": dict(log.not_counted),
        "starts": log.starts,
        "ways_out": [{**way.plain(), "engine_options": told.in_its_words(way)} for way in told.ways],
        "known_errors": plain_errors(told.known),
        "planned": told.planned.model_dump(mode="json"),
    }


def plain_errors(known: Sequence[Recognized]) -> list[dict[str, Any]]:
    """Errors that rules know, as JSON."""
    return [
        {"code": item.rule.code, "title": item.rule.title, "fix": item.rule.fix, "line": item.line} for item in known
    ]
