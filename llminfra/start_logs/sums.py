"""What an engine prints in parts, added up for a rank: pools of its cache, one capture of graphs after another."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from llminfra.start_logs.record import Stated


class Sum(Struct, frozen=True, kw_only=True):
    """How parts are told.

    Attributes:
        name: What they add up to: a figure or a phase.
        pattern: A part; its groups are numbers that add up.
        rank: Which rank prints a line.
        take: Which rank counts.
        ends: That a rank has all of its parts; None: the log ends with them.
    """

    name: str
    pattern: re.Pattern[str]
    rank: re.Pattern[str]
    take: Literal["largest", "smallest"]
    ends: re.Pattern[str] | None = None


class Adding:
    """One sum of a start while its lines are read."""

    def __init__(self, known: Sum) -> None:
        self._known = known
        self._sums: dict[str, Stated] = {}
        self._whole: set[str] = set()

    def add(self, text: str, number: int) -> None:
        """Look at a line."""
        known = self._known
        match = known.pattern.search(text)
        ends = known.ends is not None and known.ends.search(text) is not None
        if match is None and not ends:
            return
        rank = self._rank(text)
        if match is not None and rank not in self._whole:
            size = sum(float(item) for item in match.groups() if item is not None)
            before = self._sums.get(rank)
            self._sums[rank] = Stated((before.value if before else 0.0) + size, number)
        if ends:
            self._whole.add(rank)

    def found(self) -> tuple[str, Stated] | None:
        """The name and the sum of the rank that counts; None where no part was printed."""
        pick = min if self._known.take == "smallest" else max
        if not self._sums:
            return None
        taken = pick(self._sums.values(), key=lambda item: item.value)
        return self._known.name, Stated(round(taken.value, 2), taken.line)

    def _rank(self, text: str) -> str:
        match = self._known.rank.search(text)
        return match.group(1).strip() if match is not None else ""
